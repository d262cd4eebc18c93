//! What one balancer keeps on this side of the border.

use std::{
    cell::RefCell,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tenantry::{Acquire, Balancer, Lease, Rejection};

use crate::{
    names::Names,
    raw::{Fault, Mailbox},
    rejections::{figure, number},
    tickets::{Ticket, Tickets},
    wakes::Wakes,
};

/// One balancer, and the values that JavaScript holds tickets of. It lives on one thread.
pub(crate) struct State {
    pub(crate) balancer: Balancer,
    pub(crate) mailbox: Mailbox,
    pub(crate) addresses: RefCell<Names>,
    pub(crate) pools: RefCell<Names>,
    leases: RefCell<Tickets<Lease>>,
    waiters: RefCell<Tickets<Acquire>>,
    wakes: Arc<Wakes>,
}

impl State {
    pub(crate) fn new(balancer: Balancer, mailbox: Mailbox, wakes: Arc<Wakes>) -> Self {
        Self {
            balancer,
            mailbox,
            addresses: RefCell::default(),
            pools: RefCell::default(),
            leases: RefCell::new(Tickets::new()),
            waiters: RefCell::new(Tickets::new()),
            wakes,
        }
    }

    /// An answer as JavaScript reads it: a lease's slot with more in the mailbox, or less than zero for a rejection.
    #[inline]
    pub(crate) fn answer(&self, result: Result<Lease, Rejection>) -> Result<i32, Fault> {
        match result {
            Ok(lease) => self.lease(lease),
            Err(rejection) => Ok(self.rejection(rejection)),
        }
    }

    /// The ticket that stands in the mailbox.
    #[inline]
    pub(crate) fn ticket(&self) -> Ticket {
        let (slot, generation) =
            (self.mailbox.integer(Mailbox::SLOT), self.mailbox.integer(Mailbox::GENERATION));
        Ticket { slot, generation }
    }

    #[inline]
    fn lease(&self, lease: Lease) -> Result<i32, Fault> {
        let address = self.addresses.borrow_mut().number(lease.endpoint().address());
        let Ok(ticket) = self.leases.borrow_mut().insert(lease) else { return Err(Fault::TooMany) };
        self.mailbox.put_integer(Mailbox::GENERATION, ticket.generation);
        self.mailbox.put_integer(Mailbox::ADDRESS, address);
        Ok(ticket.slot.cast_signed())
    }

    fn rejection(&self, rejection: Rejection) -> i32 {
        self.mailbox.put_float(Mailbox::FIGURE, figure(&rejection).1);
        -1 - i32::try_from(number(rejection)).unwrap_or(0)
    }

    /// Takes the lease of a ticket, once.
    #[inline]
    pub(crate) fn take_lease(&self, ticket: Ticket) -> Option<Lease> {
        self.leases.borrow_mut().take(ticket)
    }

    /// The answer of a ticket's lease begins; says whether the lease was there.
    pub(crate) fn first_byte(&self, ticket: Ticket) -> bool {
        let mut leases = self.leases.borrow_mut();
        let Some(lease) = leases.get_mut(ticket) else { return false };
        lease.first_byte();
        true
    }

    /// Sees a request through that may have to wait.
    pub(crate) fn start(&self, mut acquire: Acquire) -> Result<i32, Fault> {
        if acquire.deadline().is_none()
            && let Poll::Ready(result) = Pin::new(&mut acquire).poll(&mut Context::from_waker(Waker::noop()))
        {
            return self.answer(result);
        }
        let Ok(ticket) = self.waiters.borrow_mut().insert(acquire) else { return Err(Fault::TooMany) };
        self.poll(ticket)
    }

    /// Asks what became of a waiter.
    pub(crate) fn poll(&self, ticket: Ticket) -> Result<i32, Fault> {
        self.mailbox.put_integer(Mailbox::SLOT, ticket.slot);
        let polled = {
            let mut waiters = self.waiters.borrow_mut();
            let Some(acquire) = waiters.get_mut(ticket) else { return Ok(NOTHING) };
            let polled = Pin::new(&mut *acquire).poll(&mut Context::from_waker(&self.wakes.waker(ticket)));
            if polled.is_pending() {
                let wait = acquire.deadline().map_or(f64::INFINITY, |deadline| {
                    deadline.since(self.balancer.now()).as_secs_f64() * 1e3
                });
                self.mailbox.put_integer(Mailbox::GENERATION, ticket.generation);
                self.mailbox.put_float(Mailbox::FIGURE, wait);
            }
            polled
        };
        match polled {
            Poll::Pending => Ok(WAITING),
            Poll::Ready(result) => {
                drop(self.cancel(ticket));
                self.answer(result)
            }
        }
    }

    /// The next waiter that has its answer.
    pub(crate) fn next(&self) -> Result<i32, Fault> {
        while let Some(ticket) = self.wakes.next() {
            match self.poll(ticket) {
                // Cancelled meanwhile, or woken in vain.
                Ok(NOTHING | WAITING) => {}
                answered => return answered,
            }
        }
        Ok(NOTHING)
    }

    /// Takes a waiter out of line; dropping it gives everything back.
    pub(crate) fn cancel(&self, ticket: Ticket) -> Option<Acquire> {
        self.waiters.borrow_mut().take(ticket)
    }
}

/// Said instead of a slot: no answer yet. The mailbox holds the waiter's ticket, and how long to wait in milliseconds.
pub(crate) const WAITING: i32 = i32::MIN;
/// Said instead of a slot: there is nothing to tell.
pub(crate) const NOTHING: i32 = i32::MIN + 1;

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("balancer", &self.balancer).finish_non_exhaustive()
    }
}

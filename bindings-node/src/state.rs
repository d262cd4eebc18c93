//! What one balancer keeps on this side of the border.

use std::{
    cell::{Cell, RefCell},
    fmt,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tenantry::{Acquire, Balancer, HealthChecks, Lease, Probes, Rejection, TenantHandle};

use crate::{
    names::Names,
    raw::{Fault, Mailbox},
    rejections::{figure, number},
    strategy::{Asking, KeyForm, Picker},
    tickets::{Ticket, Tickets},
    wakes::Wakes,
};

/// One balancer, and the values that JavaScript holds tickets of. It lives on one thread.
pub(crate) struct State {
    pub(crate) balancer: Balancer,
    pub(crate) mailbox: Mailbox,
    pub(crate) addresses: RefCell<Names>,
    /// Of pools and of dimensions.
    pub(crate) names: RefCell<Names>,
    leases: RefCell<Tickets<Lease>>,
    waiters: RefCell<Tickets<Waiter>>,
    /// Shared, because a strategy of the caller's may make more of them while a request has one.
    handles: RefCell<Tickets<Rc<TenantHandle>>>,
    pub(crate) probes: Rc<Probes>,
    pub(crate) checks: Rc<HealthChecks>,
    picker: Rc<Picker>,
    /// Whether a pool has, or has had, a strategy that is a function.
    asks: Cell<bool>,
    pub(crate) wakes: Arc<Wakes>,
}

/// A request that waits.
pub(crate) struct Waiter {
    acquire: Acquire,
    /// As what its key was given.
    form: KeyForm,
}

impl State {
    pub(crate) fn new(balancer: Balancer, mailbox: Mailbox, wakes: Arc<Wakes>, picker: Picker) -> Self {
        Self {
            probes: Rc::new(balancer.probes()),
            checks: Rc::new(balancer.health_checks()),
            balancer,
            mailbox,
            addresses: RefCell::default(),
            names: RefCell::default(),
            leases: RefCell::new(Tickets::new()),
            waiters: RefCell::new(Tickets::new()),
            handles: RefCell::new(Tickets::new()),
            picker: Rc::new(picker),
            asks: Cell::new(false),
            wakes,
        }
    }

    /// A configuration with strategies that are functions comes into force.
    pub(crate) fn asks_strategies(&self) {
        self.asks.set(true);
    }

    /// While it lives, strategies that are functions are called for a request, which gave its key in this form: within a call of JavaScript's that may pick, and never else.
    #[inline]
    pub(crate) fn asking(&self, form: KeyForm) -> Option<Asking> {
        self.asks.get().then(|| Asking::begin(&self.picker, form))
    }

    /// An answer as JavaScript reads it: a lease's slot with more in the mailbox, or less than zero for a rejection.
    #[inline]
    pub(crate) fn answer(&self, result: Result<Lease, Rejection>) -> Result<i32, Fault> {
        match result {
            Ok(lease) => self.lease(lease),
            Err(rejection) => Ok(self.rejection(rejection)),
        }
    }

    /// An answer without a lease: what it is if all is well, or less than 0 for a rejection.
    #[inline]
    pub(crate) fn verdict(&self, result: Result<(), Rejection>, well: i32) -> i32 {
        match result {
            Ok(()) => well,
            Err(rejection) => self.rejection(rejection),
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

    /// Keeps the handle of a tenant, until its ticket is given back.
    pub(crate) fn keep_handle(&self, id: &str) -> Result<i32, Fault> {
        let handle = Rc::new(self.balancer.handle_of(id));
        let Ok(ticket) = self.handles.borrow_mut().insert(handle) else { return Err(Fault::TooMany) };
        self.mailbox.put_integer(Mailbox::GENERATION, ticket.generation);
        Ok(ticket.slot.cast_signed())
    }

    /// The handle of a ticket, if it is there.
    #[inline]
    pub(crate) fn handle(&self, ticket: Ticket) -> Option<Rc<TenantHandle>> {
        self.handles.borrow_mut().get_mut(ticket).cloned()
    }

    /// Lets the handle of a ticket go; says whether it was there.
    pub(crate) fn drop_handle(&self, ticket: Ticket) -> bool {
        self.handles.borrow_mut().take(ticket).is_some()
    }

    /// Takes the lease of a ticket, once.
    #[inline]
    pub(crate) fn take_lease(&self, ticket: Ticket) -> Option<Lease> {
        self.leases.borrow_mut().take(ticket)
    }

    /// The answer of a ticket's lease begins; says whether the lease was there.
    pub(crate) fn first_byte(&self, ticket: Ticket) -> bool {
        self.with_lease(ticket, Lease::first_byte).is_some()
    }

    /// Shows the lease of a ticket, if it is there. Nothing that it says to the core picks, and so nothing calls JavaScript meanwhile.
    pub(crate) fn with_lease<R>(&self, ticket: Ticket, act: impl FnOnce(&mut Lease) -> R) -> Option<R> {
        self.leases.borrow_mut().get_mut(ticket).map(act)
    }

    /// What the request of a ticket's lease has used of dimensions: 1, 0 where the lease has ended, or less for a rejection.
    pub(crate) fn report(&self, ticket: Ticket, amounts: &[(&str, u64)]) -> i32 {
        let reported = self.with_lease(ticket, |lease| lease.report(amounts));
        reported.map_or(0, |result| self.verdict(result, 1))
    }

    /// Sees a request through that may have to wait.
    pub(crate) fn start(&self, mut acquire: Acquire, form: KeyForm) -> Result<i32, Fault> {
        if acquire.deadline().is_none()
            && let Poll::Ready(result) = Pin::new(&mut acquire).poll(&mut Context::from_waker(Waker::noop()))
        {
            return self.answer(result);
        }
        let Ok(ticket) = self.waiters.borrow_mut().insert(Waiter { acquire, form }) else {
            return Err(Fault::TooMany);
        };
        self.poll(ticket)
    }

    /// Asks what became of a waiter.
    pub(crate) fn poll(&self, ticket: Ticket) -> Result<i32, Fault> {
        // Lent: a strategy of the caller's may call again meanwhile, also to cancel this one.
        let lent = self.waiters.borrow_mut().lend(ticket);
        let Some(mut waiter) = lent else { return Ok(NOTHING) };
        let _asking = self.asking(waiter.form);
        let polled = Pin::new(&mut waiter.acquire).poll(&mut Context::from_waker(&self.wakes.waker(ticket)));
        let until = waiter.acquire.deadline();
        let kept = self.waiters.borrow_mut().put_back(ticket, waiter);
        if kept.is_err() {
            return Ok(NOTHING);
        }
        // Not before: a call in between has written there, too.
        self.mailbox.put_integer(Mailbox::SLOT, ticket.slot);
        match polled {
            Poll::Pending => {
                let wait =
                    until.map_or(f64::INFINITY, |until| until.since(self.balancer.now()).as_secs_f64() * 1e3);
                self.mailbox.put_integer(Mailbox::GENERATION, ticket.generation);
                self.mailbox.put_float(Mailbox::FIGURE, wait);
                Ok(WAITING)
            }
            Poll::Ready(result) => {
                drop(self.cancel(ticket));
                self.answer(result)
            }
        }
    }

    /// The next waiter that has its answer, or is to look at another time than it was told.
    pub(crate) fn next(&self) -> Result<i32, Fault> {
        while let Some(ticket) = self.wakes.next() {
            match self.poll(ticket) {
                // Cancelled meanwhile.
                Ok(NOTHING) => {}
                answered => return answered,
            }
        }
        Ok(NOTHING)
    }

    /// Takes a waiter out of line; dropping it gives everything back.
    pub(crate) fn cancel(&self, ticket: Ticket) -> Option<Waiter> {
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

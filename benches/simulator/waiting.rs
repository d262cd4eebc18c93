//! Requests that wait for a seat: polled when their wakers were called, as an executor would.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use tenantry::{Lease, Rejection};

use super::{client::Stage, engine::Engine, events::Event};

/// Wakes a request: notes its number.
struct Bell {
    request: usize,
    rung: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.lock().expect("nobody panics while noting a number").push(self.request);
    }
}

impl Engine<'_> {
    pub(super) fn begin_wait(&mut self, id: usize) {
        let party = self.party(id);
        self.books.book.waits(party);
        self.books.fairness[party.pool].waits(party.tenant);
        self.books.limits.waits(party, self.charge(id));
        if self.books.book.waiting_of(party.tenant) == 1 {
            self.record.backlog(party.tenant, true, self.now);
        }
        if let Stage::Waiting(acquire) = &self.calls[id].stage
            && let Some(deadline) = acquire.deadline()
        {
            self.events.push(deadline.as_nanos(), Event::Deadline);
        }
    }

    pub(super) fn end_wait(&mut self, id: usize) {
        let party = self.party(id);
        self.books.book.waits_no_more(party);
        self.books.fairness[party.pool].waits_no_more(party.tenant);
        self.books.limits.waits_no_more(party, self.charge(id));
        if self.books.book.waiting_of(party.tenant) == 0 {
            self.record.backlog(party.tenant, false, self.now);
        }
    }

    /// Polls every request whose waker was called, in the order of the calls.
    pub(super) fn answer_the_rung(&mut self) {
        loop {
            let rung = mem::take(&mut *self.rung.lock().expect("nobody panics while noting a number"));
            if rung.is_empty() {
                return;
            }
            self.touched = true;
            for id in rung {
                self.hear(id);
            }
        }
    }

    /// A request that waits is looked at again.
    fn hear(&mut self, id: usize) {
        if !matches!(self.calls[id].stage, Stage::Waiting(_)) {
            return;
        }
        match self.poll(id) {
            Poll::Pending => {}
            Poll::Ready(Ok(lease)) => {
                self.admit_waiter(id, lease);
            }
            Poll::Ready(Err(rejection)) => {
                self.end_wait(id);
                let (_, tenant, cost) = self.facts(id);
                self.books.rates.undone(tenant, cost, self.now);
                self.refuse(id, rejection);
            }
        }
    }

    pub(super) fn poll(&mut self, id: usize) -> Poll<Result<Lease, Rejection>> {
        let Stage::Waiting(acquire) = &mut self.calls[id].stage else { return Poll::Pending };
        let bell = Bell { request: id, rung: Arc::clone(&self.rung) };
        let waker = Waker::from(Arc::new(bell));
        Pin::new(&mut **acquire).poll(&mut Context::from_waker(&waker))
    }

    fn admit_waiter(&mut self, id: usize, lease: Lease) {
        self.admit(id, lease);
        self.end_wait(id);
    }
}

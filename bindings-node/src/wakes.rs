//! How a waiting request that has been answered reaches JavaScript's thread.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
};

use napi::{
    Status,
    bindgen_prelude::Function,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};

use crate::tickets::Ticket;

/// The line of answered waiters, and the bell that makes JavaScript come and look.
///
/// The bell is weak: it never keeps the process alive. It is rung at most once until JavaScript has come.
pub(crate) struct Wakes {
    answered: Mutex<VecDeque<Ticket>>,
    rung: Arc<AtomicBool>,
    bell: Call,
}

type Call = ThreadsafeFunction<(), (), (), Status, false, true>;

impl Wakes {
    /// `on_wake` is called on JavaScript's thread, soon after somebody has been answered, or there are probes to carry.
    pub(crate) fn new(on_wake: &Function<'_, (), ()>) -> napi::Result<Arc<Self>> {
        let rung = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&rung);
        let bell = on_wake.build_threadsafe_function::<()>().weak::<true>().build_callback(move |_| {
            // Before JavaScript looks: who is answered from here on rings again.
            heard.store(false, Ordering::SeqCst);
            Ok(())
        })?;
        Ok(Arc::new(Self { answered: Mutex::default(), rung, bell }))
    }

    /// What wakes the waiter of this ticket.
    pub(crate) fn waker(self: &Arc<Self>, ticket: Ticket) -> Waker {
        Waker::from(Arc::new(Waiter { ticket, wakes: Arc::clone(self) }))
    }

    /// What wakes whoever carries probes.
    pub(crate) fn bell(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::new(Bell(Arc::clone(self))))
    }

    /// The next one that has been answered, in the order of the answers.
    pub(crate) fn next(&self) -> Option<Ticket> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn add(&self, ticket: Ticket) {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).push_back(ticket);
        self.ring();
    }

    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            // It fails only when the environment is going away, and then nobody waits.
            self.bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

struct Bell(Arc<Wakes>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.ring();
    }
}

struct Waiter {
    ticket: Ticket,
    wakes: Arc<Wakes>,
}

impl Wake for Waiter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.add(self.ticket);
    }
}

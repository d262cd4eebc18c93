//! Waiting in a thread.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use pyo3::prelude::*;
use tenantry::Acquire;

use crate::{balancer::Balancer, guard::guard, lease::Lease, rejection::raised};

/// Parks the thread, without the GIL, until the future is ready. Now and then it looks whether Ctrl-C was pressed; then, or
/// when a signal handler raises, the request leaves the queue.
pub(crate) fn wait(py: Python<'_>, balancer: &Balancer, mut future: Acquire) -> PyResult<Lease> {
    let mut waker = Waker::noop().clone();
    loop {
        match guard(|| Pin::new(&mut future).poll(&mut Context::from_waker(&waker)))? {
            Poll::Ready(Ok(lease)) => return Ok(Lease::new(py, lease)),
            Poll::Ready(Err(rejection)) => return Err(raised(py, &rejection)),
            // Mostly it need not wait, and then needs no waker.
            Poll::Pending if waker.will_wake(Waker::noop()) => {
                waker = self::waker();
                continue;
            }
            Poll::Pending => {}
        }
        let left = future.deadline().and_then(|deadline| balancer.time_left(deadline));
        let pause = left.map_or(LONGEST_PAUSE, |left| left.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        park(py, pause)?;
    }
}

/// Ends this thread's next pause.
pub(crate) fn waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

/// Pauses this thread, without the GIL, until it is woken or for so long; Ctrl-C is an error then.
pub(crate) fn park(py: Python<'_>, pause: Duration) -> PyResult<()> {
    py.detach(|| thread::park_timeout(pause));
    py.check_signals()
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// How long Ctrl-C may go unnoticed.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Keeps a clock that is a little ahead of the balancer's from spinning.
const SHORTEST_PAUSE: Duration = Duration::from_micros(50);

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use pin_project_lite::pin_project;

pin_project! {
    /// Something that seldom happens, beside something that often does, in one task: it is polled only once it has something to say, not each time that the other has.
    pub(super) struct Seldom<F> {
        #[pin]
        future: F,
        ring: Arc<Ring>,
        ringer: Waker,
        // The task that was last told to the ring.
        task: Waker,
    }
}

/// What the future wakes.
struct Ring {
    has_rung: AtomicBool,
    /// Whom it wakes, any number of times.
    task: Mutex<Waker>,
}

impl<F> Seldom<F> {
    pub(super) fn new(future: F) -> Self {
        let task = Waker::noop().clone();
        let ring = Arc::new(Ring { has_rung: AtomicBool::new(true), task: Mutex::new(task.clone()) });
        Self { future, ringer: Waker::from(Arc::clone(&ring)), ring, task }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !this.task.will_wake(cx.waker()) {
            this.task.clone_from(cx.waker());
            this.ring.task().clone_from(cx.waker());
        }
        // Relaxed: whoever rings at this moment wakes the task after it, which is polled again.
        if !this.ring.has_rung.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        // Acquire: what it rang for is seen.
        this.ring.has_rung.swap(false, Ordering::Acquire);
        this.future.poll(&mut Context::from_waker(this.ringer))
    }
}

impl Ring {
    fn task(&self) -> MutexGuard<'_, Waker> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        let task = self.task().clone();
        task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn};

    use tokio::{sync::oneshot, task::yield_now};

    use super::*;

    #[tokio::test]
    async fn it_is_polled_when_it_has_something_to_say_and_not_before() {
        let (tell, mut told) = oneshot::channel();
        let polls = Cell::new(0);
        let counted = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            Pin::new(&mut told).poll(cx)
        });
        let mut seldom = std::pin::pin!(Seldom::new(counted));
        for _ in 0..100 {
            tokio::select! {
                biased;
                _ = seldom.as_mut() => unreachable!("nothing was told"),
                () = yield_now() => {}
            }
        }
        assert_eq!(polls.get(), 1);
        tell.send(7).unwrap();
        assert_eq!(seldom.as_mut().await, Ok(7));
        assert_eq!(polls.get(), 2);
    }

    #[tokio::test]
    async fn whoever_rings_in_vain_is_heard_the_next_time() {
        let (tell, mut told) = oneshot::channel();
        // As when tokio's budget is used up.
        let mut rings = 0;
        let twice = poll_fn(move |cx| {
            rings += 1;
            if rings < 3 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Pin::new(&mut told).poll(cx)
        });
        let waiting = tokio::spawn(Seldom::new(twice));
        for _ in 0..10 {
            yield_now().await;
        }
        tell.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn it_wakes_the_task_that_has_polled_it_last() {
        let (tell, told) = oneshot::channel();
        let mut seldom = Box::pin(Seldom::new(told));
        assert!(seldom.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let waiting = tokio::spawn(seldom);
        yield_now().await;
        tell.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
    }
}

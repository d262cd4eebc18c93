//! How whoever carries probes learns that there are some to carry.

use std::task::Waker;

use crate::sync::{AtomicBool, Mutex, Ordering, wake};

/// One waker, and whether it is there. All pools of a balancer ring the same.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    armed: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    /// Wakes whoever waits, once.
    pub(crate) fn ring(&self) {
        // SeqCst, as in `arm`: either this sees that somebody waits, or whoever armed it sees, looking again, what this rings for.
        if !self.armed.load(Ordering::SeqCst) || !self.armed.swap(false, Ordering::SeqCst) {
            return;
        }
        let waker = self.waker.lock().take();
        waker.into_iter().for_each(wake);
    }

    /// Asks to be woken. Look again afterwards: what came in between rang for nobody.
    pub(crate) fn arm(&self, waker: &Waker) {
        let replaced = self.waker.lock().replace(waker.clone());
        self.armed.store(true, Ordering::SeqCst);
        drop(replaced);
    }
}

#[cfg(all(test, loom))]
mod models {
    use std::task::Wake;

    use loom::{sync::Arc, thread};

    use super::*;
    use crate::sync::AtomicU32;

    /// Counts how often it is woken, where loom does not look: a wake is over when the model is.
    #[derive(Default)]
    struct Count(std::sync::Mutex<u32>);

    impl Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
        }
    }

    /// As picks and probers use it: what a request brings is either seen by who looks again after arming, or rings.
    #[test]
    fn no_request_is_neither_seen_nor_rung_for() {
        loom::model(|| {
            let (bell, asked) = (Arc::new(Bell::default()), Arc::new(AtomicU32::new(0)));
            let request = {
                let (bell, asked) = (Arc::clone(&bell), Arc::clone(&asked));
                thread::spawn(move || {
                    asked.fetch_add(1, Ordering::AcqRel);
                    bell.ring();
                })
            };
            let count = std::sync::Arc::new(Count::default());
            bell.arm(&Waker::from(std::sync::Arc::clone(&count)));
            let seen = asked.swap(0, Ordering::AcqRel) > 0;
            assert!(request.join().is_ok(), "the thread does not panic");
            let woken = *count.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            assert!(seen || woken == 1);
        });
    }
}

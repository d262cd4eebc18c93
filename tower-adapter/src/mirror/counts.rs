use std::sync::atomic::{AtomicU64, Ordering};

/// What has become of the copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorCounts {
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl MirrorCounts {
    /// Sent and answered, whatever the status.
    #[must_use]
    pub const fn answered(&self) -> u64 {
        self.answered
    }

    /// Sent without an answer, or without a whole one in time.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// Not sent: too many were under way, or the body could not be kept.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// The same, while it goes on. Relaxed: nothing is decided by them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    answered: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
}

impl Counters {
    pub(super) fn ended(&self, is_answered: bool) {
        let counter = if is_answered { &self.answered } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> MirrorCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MirrorCounts {
            answered: read(&self.answered),
            failed: read(&self.failed),
            skipped: read(&self.skipped),
        }
    }
}

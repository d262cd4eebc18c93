//! How fast virtual time runs, to predict waits.

use std::time::Duration;

use crate::time::{Time, nanos};

/// Two checkpoints of virtual time, at least a window apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    older: Option<Checkpoint>,
    newer: Option<Checkpoint>,
    /// Dispatches since the newer one.
    dispatched: u32,
}

#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    at: Time,
    virtual_time: u128,
}

impl Pace {
    /// One dispatch: virtual time is now this.
    pub(super) fn tick(&mut self, virtual_time: u128, now: Time) {
        self.dispatched = self.dispatched.saturating_add(1);
        let full = |newer: Checkpoint| now.since(newer.at) >= WINDOW && self.dispatched >= FEWEST;
        if self.newer.is_none_or(full) {
            self.older = self.newer;
            self.newer = Some(Checkpoint { at: now, virtual_time });
            self.dispatched = 0;
        }
    }

    /// How long virtual time will take from `virtual_time` to `tag`; `None` before there is anything to tell it from.
    pub(super) fn predict(&self, virtual_time: u128, tag: u128, now: Time) -> Option<Duration> {
        let older = self.older?;
        let (elapsed, progress) = (nanos(now.since(older.at)), virtual_time.checked_sub(older.virtual_time)?);
        let ahead = tag.saturating_sub(virtual_time);
        let wait = ahead.saturating_mul(u128::from(elapsed)).checked_div(progress)?;
        Some(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)))
    }

    /// Virtual time starts again from zero.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

const WINDOW: Duration = Duration::from_millis(100);
/// Under so many dispatches a window tells nothing.
const FEWEST: u32 = 16;

//! The word of a pool's seats, `turn << 32 | queued << 31 | open << 30 | taken`, and how far from full it says that the pool is.

/// Word and capacity as a taking saw them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) word: u64,
    pub(super) capacity: u32,
}

impl Seen {
    /// Whether stripes that are closed may be opened.
    #[inline]
    pub(super) const fn is_far_from_full(&self) -> bool {
        self.word & (QUEUED | OPEN) == 0 && room(self.capacity) > 0 && taken(self.word) <= self.capacity / FAR
    }
}

#[inline]
pub(super) const fn taken(word: u64) -> u32 {
    (word & TAKEN) as u32
}

#[inline]
pub(super) const fn turn(word: u64) -> u32 {
    (word >> 32) as u32
}

/// How many seats each stripe may keep: all together a quarter of the capacity at most, and none of a small one, whose
/// requests meet at the seats anyhow.
#[inline]
pub(super) const fn room(capacity: u32) -> u32 {
    let room = capacity / SHARE;
    if room < MOST_ROOM { room } else { MOST_ROOM }
}

const TAKEN: u64 = (1 << 30) - 1;
/// The most seats that can be taken.
pub(super) const MOST: u32 = (1 << 30) - 1;
pub(super) const OPEN: u64 = 1 << 30;
pub(super) const QUEUED: u64 = 1 << 31;
pub(super) const ONE_TURN: u64 = 1 << 32;
/// Far from the capacity: at most one in so many seats is taken.
const FAR: u32 = 2;
/// A stripe may keep one in so many seats of the capacity: four times the stripes.
const SHARE: u32 = if cfg!(loom) { 8 } else { 32 };
const MOST_ROOM: u32 = 64;

//! Numbers that several threads move: an `f64` in an atomic, and what becomes of it as seats.

use crate::{
    config::Bounds,
    sync::{AtomicU64, Ordering},
};

/// An `f64` that is read and written as one.
#[derive(Debug)]
pub(super) struct Number(AtomicU64);

impl Number {
    pub(super) fn new(value: f64) -> Self {
        Self(AtomicU64::new(value.to_bits()))
    }

    pub(super) fn read(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn write(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Moves it by `step`, of which no other thread's is lost; returns the new value.
    pub(super) fn step(&self, step: impl Fn(f64) -> f64) -> f64 {
        let mut bits = self.0.load(Ordering::Relaxed);
        loop {
            let next = step(f64::from_bits(bits));
            // Relaxed: the number guards no other data.
            match self.0.compare_exchange_weak(bits, next.to_bits(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return next,
                Err(newer) => bits = newer,
            }
        }
    }
}

impl Bounds {
    pub(super) fn first(&self) -> f64 {
        self.hold(f64::from(self.initial))
    }

    pub(super) fn hold(&self, seats: f64) -> f64 {
        seats.clamp(f64::from(self.min), f64::from(self.max))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a measurement needs no more than 53 bits")]
pub(super) const fn as_f64(value: u64) -> f64 {
    value as f64
}

/// Whole seats of a limit that is held between bounds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(super) const fn whole(seats: f64) -> u32 {
    seats as u32
}

//! Time that moves by hand, for tests.

use std::time::Duration;

use napi::{Error, Result, Status, bindgen_prelude::BigInt};
use napi_derive::napi;
use tenantry::{Clock, ManualClock};

/// The core's manual clock.
#[napi]
#[derive(Debug, Default)]
pub struct NativeClock {
    clock: ManualClock,
}

#[napi]
impl NativeClock {
    /// A clock at zero, so many milliseconds after the beginning of 1970.
    #[napi(constructor, catch_unwind)]
    pub fn new(unix_ms: f64) -> Self {
        let unix = Duration::try_from_secs_f64(unix_ms / 1e3).unwrap_or_default();
        Self { clock: ManualClock::starting_at(unix) }
    }

    /// Moves time on by nanoseconds.
    ///
    /// # Errors
    /// When they are negative, or more than 64 bits hold.
    #[napi(catch_unwind)]
    pub fn advance(&self, ns: BigInt) -> Result<()> {
        let (negative, ns, lossless) = ns.get_u64();
        if (negative && ns != 0) || !lossless {
            return Err(Error::new(Status::InvalidArg, "ns must be from 0 to 2^64 - 1"));
        }
        self.clock.advance(Duration::from_nanos(ns));
        Ok(())
    }

    /// Nanoseconds since it was made.
    #[napi(catch_unwind)]
    pub fn now(&self) -> BigInt {
        self.clock.now().as_nanos().into()
    }
}

impl NativeClock {
    pub(crate) fn shared(&self) -> ManualClock {
        self.clock.clone()
    }
}

//! How long to wait before another attempt.

use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use tenantry::Backoff;

use crate::numbers::{bits, milliseconds};

/// The core's back-off; `lib/` has checked the figures.
#[napi]
#[derive(Debug)]
pub struct NativeBackoff {
    backoff: Backoff,
}

#[napi]
impl NativeBackoff {
    /// From so many milliseconds up to so many; what is left out is the core's default.
    #[napi(constructor, catch_unwind)]
    pub fn new(base: Option<f64>, cap: Option<f64>, seed: BigInt) -> Self {
        let usual = Backoff::default();
        let base = base.map_or_else(|| usual.bound(1), milliseconds);
        let cap = cap.map_or_else(|| usual.bound(u32::MAX), milliseconds);
        Self { backoff: Backoff::new(base, cap).with_seed(bits(&seed)) }
    }

    /// The longest wait before this retry, in milliseconds.
    #[napi(catch_unwind)]
    pub fn bound(&self, retry: u32) -> f64 {
        self.backoff.bound(retry).as_secs_f64() * 1e3
    }

    /// The wait before this retry of this request, in milliseconds.
    #[napi(catch_unwind)]
    pub fn wait(&self, retry: u32, request: BigInt) -> f64 {
        self.backoff.wait(retry, bits(&request)).as_secs_f64() * 1e3
    }
}

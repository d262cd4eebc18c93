//! JavaScript's numbers, which `lib/` has checked, as the core takes them.

use std::time::Duration;

use napi::bindgen_prelude::BigInt;

/// A number as a whole one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and `lib/` has checked"
)]
pub(crate) const fn whole(number: f64) -> u64 {
    number as u64
}

/// Milliseconds to the nearest nanosecond; what 64 bits of these do not hold is for ever.
pub(crate) fn milliseconds(number: f64) -> Duration {
    Duration::from_nanos(whole((number * 1e6).round()))
}

/// A `bigint` of 64 bits.
pub(crate) fn bits(number: &BigInt) -> u64 {
    number.get_u64().1
}

//! A peak-sensitive moving average of latency that decays with time, in one word.
//!
//! Source: the peak EWMA of Finagle and tower: a sample above the average replaces it, one below pulls it down by
//! `1 − e^(−Δt/τ)`, and a reading decays towards zero while no sample comes, so a slow endpoint is tried again.
//!
//! *Where we differ*: stamp and value share one `u64` that is loaded and stored, never exchanged, so two writers may lose
//! a sample (harmless: the next one carries the same news) and nobody waits; the exponential is a fixed polynomial, so
//! every platform computes the same bits.

use std::time::Duration;

use crate::{
    sync::{AtomicU64, Ordering},
    time::{Time, nanos},
};

/// The average. Zero means: no sample yet.
#[derive(Debug, Default)]
pub(crate) struct PeakEwma {
    /// Stamp in units of 2²⁰ ns (wraps after 52 days of silence) << 32 | `f32` nanoseconds.
    word: AtomicU64,
}

impl PeakEwma {
    /// Feeds one latency; returns nothing, never blocks.
    pub(crate) fn record(&self, sample: Duration, decay: f32, now: Time) {
        let (stamp, average) = unpack(self.word.load(Ordering::Relaxed));
        let sample = as_f32(nanos(sample)).max(1.0);
        let next = if sample >= average {
            sample
        } else {
            let keep = exp2_neg(age(stamp, now) * decay);
            sample + (average - sample) * keep
        };
        // Relaxed: the word is the whole state, and a lost sample is harmless.
        self.word.store(pack(now, next), Ordering::Relaxed);
    }

    /// Begins anew.
    pub(crate) fn forget(&self) {
        self.word.store(0, Ordering::Relaxed);
    }

    /// The average in nanoseconds as of `now`; `None` before the first sample, and when it has decayed below a hundredth, where
    /// it says nothing any more.
    #[inline(always)]
    pub(crate) fn read(&self, decay: f32, now: Time) -> Option<f32> {
        let word = self.word.load(Ordering::Relaxed);
        if word == 0 {
            return None;
        }
        let (stamp, average) = unpack(word);
        let y = age(stamp, now) * decay;
        (y < FORGOTTEN).then(|| average * exp2_neg(y))
    }
}

/// What `record` and `read` multiply an age by: log₂e / τ, in stamp units, so that 2^(−rate · age) is e^(−age / τ).
pub(crate) fn decay_rate(tau: Duration) -> f32 {
    STAMP_NANOS * std::f32::consts::LOG2_E / as_f32(nanos(tau).max(1))
}

fn pack(now: Time, value: f32) -> u64 {
    (stamp_of(now) << 32) | u64::from(value.to_bits())
}

fn unpack(word: u64) -> (u32, f32) {
    ((word >> 32) as u32, f32::from_bits((word & 0xffff_ffff) as u32))
}

fn stamp_of(now: Time) -> u64 {
    (now.as_nanos() >> 20) & 0xffff_ffff
}

fn age(stamp: u32, now: Time) -> f32 {
    let elapsed = ((stamp_of(now) & 0xffff_ffff) as u32).wrapping_sub(stamp);
    // A reader may hold an older `now` than the last writer: that is age zero, not 52 days.
    if elapsed > u32::MAX - BACKWARDS { 0.0 } else { as_f32(u64::from(elapsed)) }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 24 bits")]
const fn as_f32(nanos: u64) -> f32 {
    nanos as f32
}

/// 2^(−y) for y ≥ 0, within 2·10⁻⁴ relative and exact at whole y, the same bits on every platform: the whole part by
/// exponent, the fraction by a cubic.
#[inline(always)]
fn exp2_neg(y: f32) -> f32 {
    if y < NEAR {
        // So soon after the last sample, the tangent is as good: the common case under load.
        return 1.0 - std::f32::consts::LN_2 * y;
    }
    if y >= 126.0 {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "0 ≤ y < 126")]
    let whole = y as i32;
    #[expect(clippy::cast_precision_loss, reason = "below 126")]
    let f = y - whole as f32;
    let power = 1.0 + f * (CUBIC[0] + f * (CUBIC[1] + f * CUBIC[2]));
    #[expect(clippy::cast_sign_loss, reason = "between 1 and 127")]
    let scale = f32::from_bits(((127 - whole) as u32) << 23);
    power * scale
}

const STAMP_NANOS: f32 = 1_048_576.0;
/// By how many stamps (a second) a reader's `now` may be behind.
const BACKWARDS: u32 = 1_000;
/// log₂ 100.
const FORGOTTEN: f32 = 6.643_856;
/// Below this the tangent at 0 is within 10⁻⁵.
const NEAR: f32 = 0.005;
/// Least relative error of a cubic that is 1 at 0 and ½ at 1.
const CUBIC: [f32; 3] = [-0.6914, 0.2304, -0.0390];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const MS: u64 = 1_000_000;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * MS)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_polynomial_is_the_exponential() {
        for step in 0..50_000_u16 {
            let x = f32::from(step) / 1_000.0;
            let (ours, exact) = (exp2_neg(x), (-x).exp2());
            assert!((ours - exact).abs() <= 2e-4 * exact + 1e-30, "2^-{x} is {exact}, not {ours}");
        }
    }

    #[test]
    fn a_peak_replaces_and_time_forgets() {
        let (ewma, decay) = (PeakEwma::default(), decay_rate(ms(1_000)));
        assert_eq!(ewma.read(decay, at(0)), None);
        ewma.record(ms(10), decay, at(0));
        let read = |now| ewma.read(decay, at(now)).map(|nanos| nanos / 1e6);
        ewma.record(ms(400), decay, at(200));
        assert!(read(200).is_some_and(|v| (v - 400.0).abs() < 0.01));
        ewma.record(ms(1), decay, at(1_200));
        assert!(read(1_200).is_some_and(|v| v > 100.0 && v < 200.0), "{:?}", read(1_200));
        assert!(read(5_200).is_some_and(|v| v < 4.0), "{:?}", read(5_200));
    }

    /// `vectors/health.json`: the figures of tower's tests, whose load is the average times the requests in flight, the one to come included.
    #[test]
    fn decays_and_peaks_as_towers_does() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../vectors/health.json")).expect("the vectors are JSON");
        let tower = &vectors["tower_peak_ewma"];
        let whole = |value: &Value| value.as_u64().expect("a whole number");
        let number = |value: &Value| value.as_f64().expect("a number");
        let rows = |value: &Value| value.as_array().expect("rows").clone();
        let decay = decay_rate(ms(whole(&tower["decay_ms"])));
        let load = |ewma: &PeakEwma, at_ms, in_flight: f64| {
            ewma.read(decay, at(at_ms)).map_or(0.0, |nanos| f64::from(nanos) / 1e6 * (in_flight + 1.0))
        };
        let ewma = PeakEwma::default();
        ewma.record(ms(whole(&tower["decays"]["sample_ms"])), decay, at(0));
        for row in rows(&tower["decays"]["rows"]) {
            let load = load(&ewma, whole(&row[0]), 0.0);
            assert!(load > number(&row[1]) && load < number(&row[2]), "{row}: {load}");
        }
        let ewma = PeakEwma::default();
        for step in rows(&tower["compound"]["samples"]) {
            let at_ms = whole(&step["at_ms"]);
            ewma.record(ms(whole(&step["sample_ms"])), decay, at(at_ms));
            let load = load(&ewma, at_ms, number(&step["in_flight"]));
            assert!((load - number(&step["load_ms"])).abs() < 1e-3, "{step}: {load}");
        }
        for row in rows(&tower["compound"]["then_below"]) {
            let load = load(&ewma, whole(&row[0]), 0.0);
            assert!(load < number(&row[1]), "{row}: {load}");
        }
    }

    #[test]
    fn what_has_decayed_to_a_hundredth_is_forgotten_and_does_not_come_back() {
        let (ewma, decay) = (PeakEwma::default(), decay_rate(ms(10_000)));
        ewma.record(ms(5_000), decay, at(0));
        assert!(ewma.read(decay, at(40_000)).is_some());
        for hours in [1, 10, 38, 45, 77, 100, 24 * 50] {
            assert_eq!(ewma.read(decay, at(hours * 3_600_000)), None, "after {hours} hours");
        }
    }

    #[test]
    fn an_older_now_does_not_decay() {
        let (ewma, decay) = (PeakEwma::default(), decay_rate(ms(1_000)));
        ewma.record(ms(10), decay, at(500));
        assert!(ewma.read(decay, at(499)).is_some_and(|v| v > 9.9e6));
    }
}

//! One alert on its way: pending, firing, over.

use std::time::Duration;

use tenantry::Time;

/// How far a measure is from what is alarming.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measure {
    pub(super) value: f64,
    pub(super) threshold: f64,
    /// Below this it is well again; between both, what fires goes on and what does not does not begin.
    pub(super) well: f64,
    /// How long it must be alarming.
    pub(super) hold: Duration,
}

impl Measure {
    pub(super) fn new(value: f64, threshold: f64, hold: Duration) -> Self {
        Self { value, threshold, well: threshold * HYSTERESIS, hold }
    }

    /// Of something that is so or not.
    pub(super) fn of(is_so: bool, hold: Duration) -> Self {
        Self::new(f64::from(u8::from(is_so)), 1.0, hold)
    }

    pub(super) fn is_alarming(&self) -> bool {
        self.value >= self.threshold
    }
}

/// How far one alert has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Track {
    /// Alarming since then, not for long enough yet.
    Pending(Time),
    /// Told; well again since then.
    Firing(Option<Time>),
}

/// What follows from a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Stays,
    /// It is to be told.
    Fires,
    /// It is over, and to be told.
    Resolves,
    /// Nothing was told, and nothing is there any more.
    Vanishes,
}

impl Track {
    pub(super) fn step(&mut self, measure: &Measure, resolve_after: Duration, now: Time) -> Step {
        match self {
            Self::Pending(since) => {
                if !measure.is_alarming() {
                    return Step::Vanishes;
                }
                if now.since(*since) < measure.hold {
                    return Step::Stays;
                }
                *self = Self::Firing(None);
                Step::Fires
            }
            Self::Firing(well) => {
                if measure.value >= measure.well {
                    *well = None;
                    return Step::Stays;
                }
                let since = *well.get_or_insert(now);
                if now.since(since) < resolve_after { Step::Stays } else { Step::Resolves }
            }
        }
    }
}

const HYSTERESIS: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn measure(value: f64) -> Measure {
        Measure::new(value, 1.0, Duration::from_secs(10))
    }

    #[test]
    fn fires_after_its_hold_and_ends_after_as_long_in_peace() {
        let peace = Duration::from_secs(60);
        let mut track = Track::Pending(at(0));
        assert_eq!(track.step(&measure(1.0), peace, at(9)), Step::Stays);
        assert_eq!(track.step(&measure(1.0), peace, at(10)), Step::Fires);
        // A little less is not well.
        assert_eq!(track.step(&measure(0.95), peace, at(11)), Step::Stays);
        assert_eq!(track, Track::Firing(None));
        assert_eq!(track.step(&measure(0.5), peace, at(20)), Step::Stays);
        assert_eq!(track.step(&measure(0.95), peace, at(50)), Step::Stays);
        assert_eq!(track.step(&measure(0.5), peace, at(60)), Step::Stays);
        assert_eq!(track.step(&measure(0.5), peace, at(119)), Step::Stays);
        assert_eq!(track.step(&measure(0.5), peace, at(120)), Step::Resolves);
    }

    #[test]
    fn what_ends_before_its_hold_was_nothing() {
        let mut track = Track::Pending(at(0));
        assert_eq!(track.step(&measure(0.95), Duration::ZERO, at(5)), Step::Vanishes);
    }
}

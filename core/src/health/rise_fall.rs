//! From single checks to a verdict: so many in a row against what is held of an endpoint turn it.
//!
//! Source: HAProxy's `rise` and `fall`; the start is Envoy's (one success is enough for an endpoint that is new) or stricter.

/// What health checks hold of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    healthy: bool,
    /// Whether one success is enough, because it has never served.
    one_is_enough: bool,
    /// Checks in a row that say the contrary.
    contrary: u32,
}

impl Standing {
    /// It serves, until checks say otherwise.
    pub(crate) const HEALTHY: Self = Self { healthy: true, one_is_enough: false, contrary: 0 };
    /// It does not, until its first success.
    pub(crate) const UNPROVEN: Self = Self { healthy: false, one_is_enough: true, contrary: 0 };
    /// It does not, until as many successes as one needs that has failed.
    pub(crate) const FAILING: Self = Self { healthy: false, one_is_enough: false, contrary: 0 };

    pub(crate) const fn is_healthy(&self) -> bool {
        self.healthy
    }

    /// Whether the last check contradicts what is held.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.contrary > 0
    }

    /// One more check. Says how many in a row have turned it, if this one did.
    pub(super) fn learn(&mut self, passed: bool, rise: u32, fall: u32) -> Option<u32> {
        if passed == self.healthy {
            self.contrary = 0;
            return None;
        }
        self.contrary = self.contrary.saturating_add(1);
        let needed = match (passed, self.one_is_enough) {
            (true, true) => 1,
            (true, false) => rise,
            (false, _) => fall,
        };
        (self.contrary >= needed).then(|| {
            let row = self.contrary;
            *self = if passed { Self::HEALTHY } else { Self::FAILING };
            row
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Looks at the whole history each time: the longest tail of one kind turns it.
    fn oracle(start: Standing, history: &[bool], rise: usize, fall: usize) -> bool {
        let (mut healthy, mut served, mut since) = (start.healthy, !start.one_is_enough, 0);
        for end in 1..=history.len() {
            let tail = history[since..end].iter().rev().take_while(|&&passed| passed != healthy).count();
            let needed = if healthy {
                fall
            } else if served {
                rise
            } else {
                1
            };
            if tail >= needed {
                (healthy, served, since) = (!healthy, true, end);
            }
        }
        healthy
    }

    #[test]
    fn two_rise_three_fall_and_one_is_enough_for_a_newcomer() {
        let mut standing = Standing::HEALTHY;
        let mut learn = |passed| standing.learn(passed, 2, 3);
        assert_eq!([learn(false), learn(false), learn(true), learn(false), learn(false)], [None; 5]);
        assert_eq!([learn(false), learn(true), learn(false), learn(true)], [Some(3), None, None, None]);
        assert_eq!(learn(true), Some(2));
        let mut newcomer = Standing::UNPROVEN;
        assert_eq!([newcomer.learn(false, 2, 3), newcomer.learn(true, 2, 3)], [None, Some(1)]);
    }

    proptest! {
        #[test]
        fn it_is_what_a_look_at_the_whole_history_says(
            start in prop::sample::select(vec![Standing::HEALTHY, Standing::UNPROVEN, Standing::FAILING]),
            history in prop::collection::vec(any::<bool>(), 0..60),
            rise in 1_u32..5,
            fall in 1_u32..5,
        ) {
            let mut standing = start;
            for (end, &passed) in history.iter().enumerate() {
                let before = standing.healthy;
                let turned = standing.learn(passed, rise, fall);
                prop_assert_eq!(turned.is_some(), before != standing.healthy);
                let expected = oracle(start, &history[..=end], rise as usize, fall as usize);
                prop_assert_eq!(standing.healthy, expected, "after {} of {:?}", end + 1, history);
            }
        }
    }
}

//! The least loaded of all endpoints, exactly.
//!
//! Source: nginx's and HAProxy's `least_conn`, with the scores of [P2C](super::P2c). *Where we differ*: `(in flight + 1) / weight` is compared, so of two
//! idle endpoints the heavier is preferred; ties rotate, as Envoy's full scan spreads them; where some endpoints have a signal and others do
//! not, the best of each are compared by in-flight alone.
//!
//! A pick looks at everyone: its cost grows with the pool, by some 8 ns an endpoint, where P2C's does not. Each look reads the
//! endpoint's own reference count, which is what counts as in flight; whether it
//! is usable is asked only where its score would win.

use std::cmp::Ordering;

use super::{Candidates, Turn};
use crate::config::LoadKind;

/// The strategy has no state.
#[derive(Debug)]
pub(crate) struct LeastLoaded {
    load: LoadKind,
}

/// The lowest score yet, and how many have it.
#[derive(Clone, Copy)]
struct Least {
    score: f64,
    /// The load alone, with its factor.
    load: f64,
    index: usize,
    ties: u32,
}

impl LeastLoaded {
    pub(crate) const fn new(load: LoadKind) -> Self {
        Self { load }
    }

    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        // With a signal, and without.
        let mut least = [Least::NONE; 2];
        for index in 0..candidates.len() {
            let (load, score, class) = self.score(candidates, index);
            let best = &mut least[class];
            if score <= best.score && candidates.is_usable(index) {
                best.meet(index, load, score);
            }
        }
        let [known, unknown] = least;
        // The lower load; on a tie both in turn, so that whoever is not known yet becomes known.
        let (class, turn) = match known.load.total_cmp(&unknown.load) {
            Ordering::Less => (0, turn.number.checked_rem(known.ties)?),
            Ordering::Greater => (1, turn.number.checked_rem(unknown.ties)?),
            Ordering::Equal => {
                let turn = turn.number.checked_rem(known.ties.saturating_add(unknown.ties))?;
                turn.checked_sub(known.ties).map_or((0, turn), |turn| (1, turn))
            }
        };
        let best = least[class];
        if best.ties == 1 { Some(best.index) } else { Some(self.in_turn(candidates, class, &best, turn)) }
    }

    /// Of those that tie the one whose turn it is. Where loads have moved since they were counted, the first.
    fn in_turn(&self, candidates: &Candidates<'_>, class: usize, best: &Least, turn: u32) -> usize {
        let ties = (best.index..candidates.len()).filter(|&index| {
            let (_, score, of) = self.score(candidates, index);
            of == class && score <= best.score && candidates.is_usable(index)
        });
        ties.into_iter().nth(turn as usize).unwrap_or(best.index)
    }

    /// The load, the score, and the class: 0 with a signal, 1 without.
    #[inline]
    fn score(&self, candidates: &Candidates<'_>, index: usize) -> (f64, f64, usize) {
        let (factor, signal) = candidates.factors(self.load, index);
        // Divided, not multiplied by 1 / weight: equal ratios then give equal quotients.
        let load = f64::from(candidates.in_flight(index) + 1) / f64::from(candidates.weight(index));
        let load = load * f64::from(factor);
        match signal {
            Some(signal) => (load, load * f64::from(signal), 0),
            None => (load, load, 1),
        }
    }
}

impl Least {
    const NONE: Self = Self { score: f64::INFINITY, load: f64::INFINITY, index: 0, ties: 0 };

    /// Takes in one whose score is not above.
    fn meet(&mut self, index: usize, load: f64, score: f64) {
        if score < self.score {
            *self = Self { score, load, index, ties: 1 };
        } else {
            self.ties += 1;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{endpoint::Member, ewma::decay_rate, outcome::Outcome, time::Time};

    const TAU: Duration = Duration::from_secs(10);

    fn picks(load: LoadKind, members: &[Member], count: u32) -> Vec<usize> {
        let candidates =
            Candidates::new(members, crate::health::Scrutiny::Health, decay_rate(TAU), Time::ZERO);
        let turn = |number| Turn { number, draw: 0, saturated: false, key: None };
        let strategy = LeastLoaded::new(load);
        (0..count).map(|number| strategy.pick(&candidates, &turn(number)).expect("all are usable")).collect()
    }

    #[test]
    fn ties_rotate_as_in_envoys_full_scan() {
        let vectors: Value = serde_json::from_str(include_str!("../../../vectors/envoy-misc.json")).unwrap();
        let active: Vec<u64> = serde_json::from_value(vectors["full_scan_tie"]["active"].clone()).unwrap();
        let members: Vec<Member> =
            (0..active.len()).map(|index| Member::new(&index.to_string(), 1)).collect();
        let busy = members.iter().zip(&active);
        let _busy: Vec<_> = busy
            .flat_map(|(member, &active)| (0..active).map(|_| member.enter()).collect::<Vec<_>>())
            .collect();
        let mut counts = [0; 5];
        picks(LoadKind::InFlight, &members, 9_999).into_iter().for_each(|pick| counts[pick] += 1);
        assert_eq!(counts, [0, 0, 3_333, 3_333, 3_333]);
    }

    proptest! {
        #[test]
        fn nobody_has_a_lower_load(endpoints in proptest::collection::vec((1_u32..6, 0_u32..8), 1..12), turn in any::<u32>()) {
            let members: Vec<Member> =
                endpoints.iter().enumerate().map(|(index, &(weight, _))| Member::new(&index.to_string(), weight)).collect();
            let _busy: Vec<_> = members.iter().zip(&endpoints)
                .flat_map(|(member, &(_, busy))| (0..busy).map(|_| member.enter()).collect::<Vec<_>>()).collect();
            let candidates = Candidates::new(&members, crate::health::Scrutiny::Health, decay_rate(TAU), Time::ZERO);
            let turn = Turn { number: turn, draw: 0, saturated: false, key: None };
            let pick = LeastLoaded::new(LoadKind::InFlight).pick(&candidates, &turn).unwrap();
            let (weight, busy) = endpoints[pick];
            for (other_weight, other_busy) in endpoints {
                // a / b ≤ c / d in whole numbers.
                prop_assert!((busy + 1) * other_weight <= (other_busy + 1) * weight);
            }
        }
    }

    #[test]
    fn on_a_tie_the_known_and_the_unknown_take_turns() {
        let members = [Member::new("known", 1), Member::new("new", 1)];
        let latency = Duration::from_millis(50);
        members[0].endpoint().learn_latency(&Outcome::success(), latency.into(), decay_rate(TAU), Time::ZERO);
        assert_eq!(picks(LoadKind::PeakEwma, &members, 4), [0, 1, 0, 1]);
    }

    #[test]
    fn the_known_and_the_unknown_are_compared_by_in_flight_alone() {
        let members = [Member::new("slow", 1), Member::new("fast", 1), Member::new("new", 1)];
        for (member, millis) in members.iter().zip([50, 10]) {
            let latency = Duration::from_millis(millis);
            member.endpoint().learn_latency(&Outcome::success(), latency.into(), decay_rate(TAU), Time::ZERO);
        }
        assert_eq!(picks(LoadKind::PeakEwma, &members, 4), [1, 2, 1, 2]);
        let _busy = members[1].enter();
        assert_eq!(
            picks(LoadKind::PeakEwma, &members, 3),
            [2, 2, 2],
            "a tenth × 2 is less than a half, and 1 than 2"
        );
    }
}

//! Power of two choices: the better of two random endpoints, or of up to ten.
//!
//! Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); the default score is that of Finagle and
//! tower, `latency × (in flight + 1)`. *Where we differ*: the two are always different (Envoy's may be one and the same); weights divide the
//! score (drawing by weight is biased in small pools); an endpoint without a signal is compared by in-flight alone, so it is neither
//! flooded nor starved; an endpoint that fails fast counts as loaded, also where latency is not compared ([`crate::load`]); what cannot be used is drawn again. Two choices leave a worker
//! idle here while requests queue there. For a request that had to wait for its seat that is a waste, because then every seat is
//! in use: for it up to eight neighbours from the first draw on are compared (in a small pool: all), by in-flight alone
//! unless one's signal is over twice the other's. Among equal servers latencies differ by their queues, which in-flight
//! already counts.

use super::{Candidates, Turn};
use crate::{config::LoadKind, rng};

/// The strategy has no state: each pick is a function of the turn's draw and the loads.
#[derive(Debug)]
pub(crate) struct P2c {
    choices: u32,
    load: LoadKind,
}

impl P2c {
    /// Compares so many, by this load.
    pub(crate) const fn new(choices: u32, load: LoadKind) -> Self {
        Self { choices, load }
    }

    #[inline(always)]
    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let bound = u32::try_from(candidates.present()).unwrap_or(u32::MAX);
        if bound < 2 {
            return candidates.first_usable(if bound == 1 { candidates.nth_present(0) } else { 0 });
        }
        let (first, second) = rng::two_below(turn.draw, bound);
        if turn.saturated {
            return self.least_of_several(candidates, first, bound);
        }
        let (first, second) =
            (candidates.nth_present(first as usize), candidates.nth_present(second as usize));
        if self.choices == 2 && candidates.is_usable(first) && candidates.is_usable(second) {
            return Some(if self.is_better(candidates, second, first) { second } else { first });
        }
        self.best_of_draws(candidates, turn, bound)
    }

    /// The best of as many as are to be compared, all different and usable, where so many are found.
    #[inline(never)]
    fn best_of_draws(&self, candidates: &Candidates<'_>, turn: &Turn<'_>, bound: u32) -> Option<usize> {
        let mut drawn = [usize::MAX; MOST_CHOICES];
        let (mut count, mut best) = (0, None);
        for attempt in 0..TRIES + 2 * u64::from(self.choices) {
            let index = rng::below((rng::draw(turn.draw, attempt) >> 32) as u32, bound);
            let index = candidates.nth_present(index as usize);
            if drawn[..count].contains(&index) || !candidates.is_usable(index) {
                continue;
            }
            drawn[count] = index;
            count += 1;
            best = best.filter(|&best| !self.is_better(candidates, index, best)).or(Some(index));
            if count == MOST_CHOICES.min(self.choices as usize) {
                break;
            }
        }
        best.or_else(|| candidates.first_usable_from(turn.draw))
    }

    /// Whether one's score is lower. Whoever was drawn first wins a tie, so that ties fall evenly.
    #[inline(always)]
    fn is_better(&self, candidates: &Candidates<'_>, one: usize, other: usize) -> bool {
        let (mut score, signal) = self.score(candidates, one);
        let (mut bound, other_signal) = self.score(candidates, other);
        if let (Some(signal), Some(other_signal)) = (signal, other_signal) {
            score *= signal;
            bound *= other_signal;
        }
        score < bound
    }

    #[inline(always)]
    fn score(&self, candidates: &Candidates<'_>, index: usize) -> (f32, Option<f32>) {
        let (factor, signal) = candidates.factors(self.load, index);
        (candidates.load(index) * factor, signal)
    }

    /// The best of the next few usable ones.
    #[inline(never)]
    fn least_of_several(&self, candidates: &Candidates<'_>, first: u32, bound: u32) -> Option<usize> {
        let present = |index: u32| candidates.nth_present(index as usize);
        let several = bound.min(SEVERAL.max(self.choices));
        let around = (0..several).map(|step| present((first + step) % bound));
        let usable = around.filter(|&index| candidates.is_usable(index));
        let best = usable.reduce(
            |best, other| {
                if self.is_less_loaded(candidates, other, best) { other } else { best }
            },
        );
        best.or_else(|| candidates.first_usable(present(first)))
    }

    fn is_less_loaded(&self, candidates: &Candidates<'_>, one: usize, other: usize) -> bool {
        let (mut score, signal) = self.score(candidates, one);
        let (mut bound, other_signal) = self.score(candidates, other);
        if let (Some(signal), Some(other_signal)) = (signal, other_signal)
            && (signal > 2.0 * other_signal || other_signal > 2.0 * signal)
        {
            score *= signal;
            bound *= other_signal;
        }
        score < bound
    }
}

/// How many a request compares that had to wait.
const SEVERAL: u32 = 8;
const MOST_CHOICES: usize = 10;
/// How many draws may fall on the unusable and on those that were drawn before.
const TRIES: u64 = 20;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{endpoint::Member, ewma::decay_rate, load::LoadReport, outcome::Outcome, time::Time};

    const PEAK: P2c = P2c::new(2, LoadKind::PeakEwma);
    const DECAY_TAU: Duration = Duration::from_secs(10);

    fn shares(members: &[Member], picks: u64) -> Vec<u64> {
        let candidates =
            Candidates::new(members, crate::health::Scrutiny::Health, decay_rate(DECAY_TAU), Time::ZERO);
        let mut counts = vec![0; members.len()];
        for turn in 0..picks {
            let turn = Turn { number: 0, draw: rng::draw(1, turn), saturated: false, key: None };
            counts[PEAK.pick(&candidates, &turn).expect("all are usable")] += 1;
        }
        counts
    }

    #[test]
    fn prefers_the_less_loaded_and_weights_scale_the_load() {
        let members = [Member::new("a", 1), Member::new("b", 1)];
        let _busy = members[0].enter();
        assert_eq!(shares(&members, 1_000), [0, 1_000]);

        let members = [Member::new("a", 4), Member::new("b", 1)];
        let _busy = [members[0].enter(), members[0].enter()];
        assert_eq!(shares(&members, 1_000), [1_000, 0], "3/4 is less than 1/1");
    }

    #[test]
    fn a_request_that_waited_goes_to_the_least_loaded_whatever_small_latencies_say() {
        let members = [Member::new("a", 1), Member::new("b", 1), Member::new("c", 1)];
        let decay = decay_rate(DECAY_TAU);
        for (member, millis) in members.iter().zip([20, 39, 25]) {
            member.endpoint().learn(
                &Outcome::success(),
                Some(Duration::from_millis(millis).into()),
                decay,
                Time::ZERO,
            );
        }
        let _busy = [members[0].enter(), members[2].enter()];
        let candidates = Candidates::new(&members, crate::health::Scrutiny::Health, decay, Time::ZERO);
        let turn = |draw| Turn { number: 0, draw: rng::draw(1, draw), saturated: true, key: None };
        assert!((0..1_000).all(|draw| PEAK.pick(&candidates, &turn(draw)) == Some(1)));
    }

    #[test]
    fn a_fast_failure_attracts_nothing() {
        let members = [Member::new("good", 1), Member::new("bad", 1)];
        let decay = decay_rate(DECAY_TAU);
        members[0].endpoint().learn_latency(
            &Outcome::success(),
            Duration::from_millis(20).into(),
            decay,
            Time::ZERO,
        );
        members[1].endpoint().learn_latency(
            &Outcome::failure(),
            Duration::from_millis(1).into(),
            decay,
            Time::ZERO,
        );
        assert_eq!(shares(&members, 1_000), [1_000, 0]);
    }

    #[test]
    fn without_a_sample_only_in_flight_counts() {
        let members = [Member::new("known", 1), Member::new("new", 1)];
        members[0].endpoint().learn_latency(
            &Outcome::success(),
            Duration::from_millis(20).into(),
            decay_rate(DECAY_TAU),
            Time::ZERO,
        );
        let counts = shares(&members, 10_000);
        assert!(counts.iter().all(|count| (4_700..5_300).contains(count)), "{counts:?}");
    }

    #[test]
    fn of_as_many_choices_as_there_are_the_best_is_found_in_most_turns() {
        let members: Vec<Member> = (0..4).map(|index| Member::new(&format!("e{index}"), 1)).collect();
        // Envoy's least request test: 4, 3, 2 and 1 in flight.
        let _busy: Vec<_> =
            (0..4).flat_map(|index| (index..4).map(|_| members[index].enter()).collect::<Vec<_>>()).collect();
        let candidates =
            Candidates::new(&members, crate::health::Scrutiny::Health, decay_rate(DECAY_TAU), Time::ZERO);
        let picks = |choices| {
            let turn = |number| Turn { number: 0, draw: rng::draw(1, number), saturated: false, key: None };
            let p2c = P2c::new(choices, LoadKind::InFlight);
            (0..10_000).filter(|&number| p2c.pick(&candidates, &turn(number)) == Some(3)).count()
        };
        // Of k different ones the best of four is among them in k of 4 turns.
        assert!(
            (4_800..5_200).contains(&picks(2)) && (7_300..7_700).contains(&picks(3)),
            "{} {}",
            picks(2),
            picks(3)
        );
        assert!(picks(4) > 9_800 && picks(10) > 9_800);
    }

    #[test]
    fn the_reported_load_is_compared_and_without_a_report_in_flight_alone() {
        let members = [Member::new("a", 1), Member::new("b", 1)];
        let report = |index: usize, share| {
            let report = LoadReport::new().with_cpu_utilization(share);
            members[index].endpoint().learn_report(&report, Duration::from_secs(180), Time::ZERO);
        };
        let share = |now| {
            let candidates =
                Candidates::new(&members, crate::health::Scrutiny::Health, decay_rate(DECAY_TAU), now);
            let p2c = P2c::new(2, LoadKind::Reported);
            let turn = |number| Turn { number: 0, draw: rng::draw(1, number), saturated: false, key: None };
            (0..1_000).filter(|&number| p2c.pick(&candidates, &turn(number)) == Some(0)).count()
        };
        report(0, 0.9);
        assert!((400..600).contains(&share(Time::ZERO)), "one report alone says nothing");
        report(1, 0.3);
        assert_eq!(share(Time::ZERO), 0);
        let later = Time::ZERO + Duration::from_secs(180);
        assert!((400..600).contains(&share(later)), "a report expires");
    }

    #[test]
    fn a_fast_failure_attracts_nothing_under_any_load() {
        for load in [LoadKind::PeakEwma, LoadKind::InFlight, LoadKind::Reported] {
            let members = [Member::new("good", 1), Member::new("bad", 1)];
            let decay = decay_rate(DECAY_TAU);
            let outcomes = [(20, Outcome::success(), 0.9), (1, Outcome::failure(), 0.001)];
            for (member, (millis, outcome, share)) in members.iter().zip(outcomes) {
                let report = LoadReport::new().with_cpu_utilization(share);
                member.endpoint().learn_report(&report, Duration::from_secs(180), Time::ZERO);
                member.endpoint().learn(
                    &outcome,
                    Some(Duration::from_millis(millis).into()),
                    decay,
                    Time::ZERO,
                );
            }
            let _busy: Vec<_> = (0..10).map(|_| members[0].enter()).collect();
            let candidates = Candidates::new(&members, crate::health::Scrutiny::Health, decay, Time::ZERO);
            let p2c = P2c::new(2, load);
            let turn = |number| Turn { number: 0, draw: rng::draw(1, number), saturated: false, key: None };
            assert!((0..1_000).all(|number| p2c.pick(&candidates, &turn(number)) == Some(0)), "{load:?}");
        }
    }
}

//! Power of two choices over peak latency × in-flight.
//!
//! Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); the score is that of Finagle and
//! tower, `latency × (in flight + 1)`. *Where we differ*: the two are always different; weights divide the score (drawing
//! by weight is biased in small pools); an endpoint without a sample is compared by in-flight alone, so it is neither
//! flooded nor starved; when both draws fall on unusable endpoints, the next usable one from there on is taken.

use super::{Candidates, Turn};
use crate::rng;

/// The strategy has no state: each pick is a function of the turn's draw and the loads.
#[derive(Debug, Default)]
pub(crate) struct P2c;

impl P2c {
    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn) -> Option<usize> {
        let bound = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
        if bound < 2 {
            return candidates.first_usable(0);
        }
        let (first, second) = rng::two_below(turn.draw, bound);
        let (first, second) = (first as usize, second as usize);
        match (candidates.is_usable(first), candidates.is_usable(second)) {
            (true, true) => Some(better(candidates, first, second)),
            (true, false) => Some(first),
            (false, true) => Some(second),
            (false, false) => candidates.first_usable(first),
        }
    }
}

/// The lower score; the first draw on a tie, so that ties fall evenly.
fn better(candidates: &Candidates<'_>, first: usize, second: usize) -> usize {
    let (mut score, mut other) = (candidates.load(first), candidates.load(second));
    if let (Some(latency), Some(other_latency)) = (candidates.latency(first), candidates.latency(second)) {
        score *= latency;
        other *= other_latency;
    }
    if other < score { second } else { first }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{endpoint::Member, ewma::decay_rate, outcome::Outcome, time::Time};

    const DECAY_TAU: Duration = Duration::from_secs(10);

    fn shares(members: &[Member], picks: u64) -> Vec<u64> {
        let candidates = Candidates::new(members, true, decay_rate(DECAY_TAU), Time::ZERO);
        let mut counts = vec![0; members.len()];
        for turn in 0..picks {
            let turn = Turn { number: 0, draw: rng::draw(1, turn) };
            counts[P2c.pick(&candidates, &turn).expect("all are usable")] += 1;
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
    fn a_fast_failure_attracts_nothing() {
        let members = [Member::new("good", 1), Member::new("bad", 1)];
        let decay = decay_rate(DECAY_TAU);
        members[0].endpoint().learn_latency(
            &Outcome::success(),
            Duration::from_millis(20),
            decay,
            Time::ZERO,
        );
        members[1].endpoint().learn_latency(&Outcome::failure(), Duration::from_millis(1), decay, Time::ZERO);
        assert_eq!(shares(&members, 1_000), [1_000, 0]);
    }

    #[test]
    fn without_a_sample_only_in_flight_counts() {
        let members = [Member::new("known", 1), Member::new("new", 1)];
        members[0].endpoint().learn_latency(
            &Outcome::success(),
            Duration::from_millis(20),
            decay_rate(DECAY_TAU),
            Time::ZERO,
        );
        let counts = shares(&members, 10_000);
        assert!(counts.iter().all(|count| (4_700..5_300).contains(count)), "{counts:?}");
    }
}

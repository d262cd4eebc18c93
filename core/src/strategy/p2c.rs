//! Power of two choices over peak latency × in-flight.
//!
//! Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); the score is that of Finagle and
//! tower, `latency × (in flight + 1)`. *Where we differ*: the two are always different; weights divide the score (drawing
//! by weight is biased in small pools); an endpoint without a sample is compared by in-flight alone, so it is neither
//! flooded nor starved; when both draws fall on unusable endpoints, the next usable one from there on is taken. Two choices leave a worker
//! idle here while requests queue there. For a request that had to wait for its seat that is a waste, because then every seat is
//! in use: for it up to eight neighbours from the first draw on are compared (in a small pool: all), by in-flight alone
//! unless one's latency is over twice the other's. Among equal servers latencies differ by their queues, which in-flight
//! already counts.

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
        if turn.saturated {
            return least_of_several(candidates, first);
        }
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

/// The best of the next few usable ones.
fn least_of_several(candidates: &Candidates<'_>, first: usize) -> Option<usize> {
    let around = (0..candidates.len().min(SEVERAL)).map(|step| (first + step) % candidates.len());
    let usable = around.filter(|&index| candidates.is_usable(index));
    let best =
        usable.reduce(|best, other| if is_less_loaded(candidates, other, best) { other } else { best });
    best.or_else(|| candidates.first_usable(first))
}

fn is_less_loaded(candidates: &Candidates<'_>, one: usize, other: usize) -> bool {
    let (mut score, mut bound) = (candidates.load(one), candidates.load(other));
    if let (Some(latency), Some(other_latency)) = (candidates.latency(one), candidates.latency(other))
        && (latency > 2.0 * other_latency || other_latency > 2.0 * latency)
    {
        score *= latency;
        bound *= other_latency;
    }
    score < bound
}

/// How many a request compares that had to wait.
const SEVERAL: usize = 8;

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
            let turn = Turn { number: 0, draw: rng::draw(1, turn), saturated: false };
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
    fn a_request_that_waited_goes_to_the_least_loaded_whatever_small_latencies_say() {
        let members = [Member::new("a", 1), Member::new("b", 1), Member::new("c", 1)];
        let decay = decay_rate(DECAY_TAU);
        for (member, millis) in members.iter().zip([20, 39, 25]) {
            member.endpoint().learn(
                &Outcome::success(),
                Some(Duration::from_millis(millis)),
                decay,
                Time::ZERO,
            );
        }
        let _busy = [members[0].enter(), members[2].enter()];
        let candidates = Candidates::new(&members, true, decay, Time::ZERO);
        let pick =
            |draw| P2c.pick(&candidates, &Turn { number: 0, draw: rng::draw(1, draw), saturated: true });
        assert!((0..1_000).all(|draw| pick(draw) == Some(1)));
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

//! Smooth weighted round robin.
//!
//! Source: nginx's smooth weighted balancing (commit of 2012, `ngx_http_upstream_round_robin`): at each pick everyone's
//! current weight grows by its weight, the largest is chosen and pays the total. The answers are nginx's own
//! (`vectors/nginx-swrr.csv`).
//!
//! *Where we differ*: one whole cycle is laid out when a snapshot is built, and a pick reads its turn's place in it: no lock and
//! no scan. Where all weights are equal, the cycle is that of those who are there. A turn that falls on an unusable endpoint takes a random place of the cycle
//! instead, so its turns go to the others by weight. Weights whose sum (after dividing by their common divisor) is above 65 536 are scaled down to it. With a random phase,
//! instances that start together do not call the same endpoints at the same time.
//!
//! Of n endpoints nobody is ever more than 1 − 1/n of a pick ahead of its share, nor more than 1/2 + 1/3 + … + 1/n behind it: less than a
//! whole pick where there are up to three, and in all of nginx's captures. (Weights 1, 5, 53, 53: 1.036 behind at worst, here as in nginx.)

use std::collections::BTreeMap;

use super::{Candidates, Turn};
use crate::rng;

/// One cycle of picks.
#[derive(Debug)]
pub(crate) struct RoundRobin {
    cycle: Box<[u32]>,
    /// Where in the cycle the first turn is.
    phase: usize,
    /// Whether all weights are equal, and the cycle is the list of all.
    even: bool,
}

impl RoundRobin {
    /// Lays out one cycle for endpoints of these weights.
    pub(crate) fn new(weights: &[u32]) -> Self {
        let weights = reduced(weights);
        let even = weights.windows(2).all(|pair| pair[0] == pair[1]);
        let cycle = if even { (0..).take(weights.len()).collect() } else { smooth(&weights) };
        Self { cycle, phase: 0, even }
    }

    /// The same, begun at a random place.
    pub(crate) fn with_phase(mut self, draw: u64) -> Self {
        self.phase = place(draw, self.cycle.len());
        self
    }

    #[inline(always)]
    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let length = self.length(candidates);
        let start = (turn.number as usize).wrapping_add(self.phase).checked_rem(length)?;
        let index = self.at(start, candidates);
        if candidates.is_usable(index) { Some(index) } else { self.pick_elsewhere(candidates, turn) }
    }

    #[cold]
    fn pick_elsewhere(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let length = self.length(candidates);
        let draws = (0..TRIES).map(|attempt| place(rng::draw(turn.draw, attempt), length));
        let found = draws.map(|start| self.at(start, candidates)).find(|&index| candidates.is_usable(index));
        found.or_else(|| candidates.first_usable_from(turn.draw))
    }

    /// How many places the cycle has: where all weights are equal, of those who are there.
    #[inline]
    fn length(&self, candidates: &Candidates<'_>) -> usize {
        if self.even { candidates.present() } else { self.cycle.len() }
    }

    /// Whose place it is.
    #[inline]
    fn at(&self, place: usize, candidates: &Candidates<'_>) -> usize {
        if self.even { candidates.nth_present(place) } else { self.cycle[place] as usize }
    }
}

fn place(draw: u64, length: usize) -> usize {
    rng::below((draw >> 32) as u32, u32::try_from(length).unwrap_or(u32::MAX)) as usize
}

/// Weights divided by their common divisor, and scaled down to [`LONGEST_CYCLE`] where they still sum to more.
fn reduced(weights: &[u32]) -> Vec<u64> {
    let divisor = weights.iter().fold(0, |divisor, &weight| gcd(divisor, weight)).max(1);
    let weights: Vec<u64> = weights.iter().map(|&weight| u64::from(weight / divisor)).collect();
    let total: u64 = weights.iter().sum();
    if total <= LONGEST_CYCLE {
        return weights;
    }
    weights.iter().map(|&weight| (weight * LONGEST_CYCLE / total).max(1)).collect()
}

/// Endpoints of one weight take their turns in order, so that only the next of each weight need be compared: a cycle costs its length ×
/// the number of different weights, of which there are at most √(2 × length).
fn smooth(weights: &[u64]) -> Box<[u32]> {
    let total: u64 = weights.iter().sum();
    let whole = i64::try_from(total).unwrap_or(i64::MAX);
    let mut classes = classes(weights);
    let step = |_| {
        classes.iter_mut().for_each(|class| class.current += class.weight);
        let best = classes
            .iter_mut()
            .reduce(|best, other| if other.goes_before(best) { other } else { best })
            .expect("where there are weights there is a class");
        best.take(whole)
    };
    (0..total).map(step).collect()
}

/// The endpoints of one weight.
struct Class {
    weight: i64,
    members: Vec<u32>,
    /// Who is next.
    next: usize,
    /// The current weight of those who are due in this round; the others' is less by the whole.
    current: i64,
}

impl Class {
    fn goes_before(&self, other: &Self) -> bool {
        let (first, second) = (self.members[self.next], other.members[other.next]);
        (self.current, second) > (other.current, first)
    }

    fn take(&mut self, whole: i64) -> u32 {
        let index = self.members[self.next];
        self.next += 1;
        if self.next == self.members.len() {
            self.next = 0;
            self.current -= whole;
        }
        index
    }
}

fn classes(weights: &[u64]) -> Vec<Class> {
    let mut by_weight: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for (index, &weight) in (0..).zip(weights) {
        by_weight.entry(weight).or_default().push(index);
    }
    let class = |(weight, members)| Class {
        weight: i64::try_from(weight).unwrap_or(i64::MAX),
        members,
        next: 0,
        current: 0,
    };
    by_weight.into_iter().map(class).collect()
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

const LONGEST_CYCLE: u64 = 65_536;
/// With nine of ten places unusable, one turn in a thousand comes to the end of them.
const TRIES: u64 = 64;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// nginx's algorithm as nginx has it: everyone is looked at for every pick.
    fn slow(weights: &[u32]) -> Vec<u32> {
        let whole: i64 = weights.iter().copied().map(i64::from).sum();
        let mut current = vec![0_i64; weights.len()];
        let mut step = |_| {
            let mut best = 0;
            for (index, &weight) in weights.iter().enumerate() {
                current[index] += i64::from(weight);
                if current[index] > current[best] {
                    best = index;
                }
            }
            current[best] -= whole;
            u32::try_from(best).expect("they are few")
        };
        (0..whole).map(&mut step).collect()
    }

    proptest! {
        #[test]
        fn the_cycle_is_what_the_slow_algorithm_says(weights in proptest::collection::vec(1_u32..40, 1..20)) {
            let cycle = RoundRobin::new(&weights).cycle;
            let slow = slow(&weights);
            prop_assert!(slow.iter().zip(cycle.iter().cycle()).all(|(slow, fast)| slow == fast));
        }

        /// Every pick takes who is owed most, at least 1/n of a pick of the one pick that is owed in all: nobody is more than 1 − 1/n
        /// ahead. The k who are owed most are never owed more on average than the k + 1 before them and 1/(k + 1) more, and all n are owed
        /// nothing together: nobody is more than 1/2 + 1/3 + … + 1/n behind (the greedy bound of the cup game). Of up to three endpoints that is
        /// less than a pick; of four it is not (weights 1, 5, 53, 53: 1.036).
        #[test]
        fn nobody_is_further_ahead_or_behind_than_is_proved(weights in proptest::collection::vec(1_u32..60, 2..12)) {
            let (ahead, behind) = worst(&weights);
            let (most_ahead, most_behind) = bounds(weights.len());
            prop_assert!(ahead <= most_ahead && behind <= most_behind, "{weights:?}: {ahead} ahead, {behind} behind");
        }
    }

    /// What is proved for `count` endpoints, and a hair for the rounding of the sums.
    fn bounds(count: usize) -> (f64, f64) {
        let part = |index: usize| 1.0 / f64::from(u32::try_from(index).expect("they are few"));
        (1.0 - part(count) + 1e-9, (2..=count).map(part).sum::<f64>() + 1e-9)
    }

    #[test]
    fn the_bounds_are_nearly_reached() {
        let (ahead, behind) = worst(&[1, 58, 58]);
        assert!(
            behind > 0.82 && ahead <= bounds(3).0 && behind <= bounds(3).1,
            "{ahead} ahead, {behind} behind"
        );
        let (ahead, behind) = worst(&[1, 5, 53, 53]);
        assert!(
            behind > 1.03 && ahead <= bounds(4).0 && behind <= bounds(4).1,
            "{ahead} ahead, {behind} behind"
        );
    }

    /// How many picks anyone is ahead of its share at worst, and behind.
    fn worst(weights: &[u32]) -> (f64, f64) {
        let cycle = RoundRobin::new(weights).cycle;
        let total: u32 = weights.iter().sum();
        let (mut ahead, mut behind) = (0.0_f64, 0.0_f64);
        for (index, &weight) in weights.iter().enumerate() {
            let mut count = 0_u32;
            for (taken, &pick) in (1_u32..).zip(cycle.iter()) {
                count += u32::from(pick as usize == index);
                let due = f64::from(taken) * f64::from(weight) / f64::from(total);
                (ahead, behind) = (ahead.max(f64::from(count) - due), behind.max(due - f64::from(count)));
            }
        }
        (ahead, behind)
    }

    #[test]
    fn in_nginxs_captures_every_prefix_stays_within_one_pick_of_its_share() {
        let capture = include_str!("../../../vectors/nginx-swrr.csv");
        let sets: BTreeSet<Vec<u32>> = capture
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(2).expect("weights").split(' '))
            .map(|weights| weights.map(|weight| weight.parse().expect("a weight")).collect())
            .collect();
        assert_eq!(sets.len(), 18, "seventeen, and the one with a backup");
        for weights in sets {
            let (ahead, behind) = worst(&weights);
            assert!(ahead < 1.0 && behind < 1.0, "{weights:?}: {ahead} ahead, {behind} behind");
        }
    }

    #[test]
    fn answers_as_nginx_on_every_captured_step() {
        let capture = include_str!("../../../vectors/nginx-swrr.csv");
        let replayed = capture.lines().skip(1).filter(|line| replay(line)).count();
        assert!(replayed == 703, "only {replayed} captured steps were replayed");
    }

    /// Compares one captured step, `algorithm,case,weights,step,server`; false for other algorithms. A server that is marked down, or a
    /// backup, is one that is left out here.
    fn replay(line: &str) -> bool {
        let fields: Vec<&str> = line.split(',').collect();
        let [algorithm, case, weights, step, server] = fields[..] else {
            unreachable!("{line}: not five fields")
        };
        if algorithm != "swrr" {
            return false;
        }
        let left_out: u32 = match case.split_once('_') {
            None => 0,
            Some((_, "down1")) => 1,
            Some((_, "down2")) => 2,
            Some((_, "backup5")) => 3,
            Some(_) => unreachable!("{line}: an unknown case"),
        };
        let weights = (1..).zip(weights.split(' ').map(|weight| weight.parse::<u32>().expect("a weight")));
        let (servers, weights): (Vec<u32>, Vec<u32>) =
            weights.filter(|(server, _)| *server != left_out).unzip();
        let step: usize = step.parse().expect("a step");
        let server: u32 = server.parse().expect("a server");
        let cycle = RoundRobin::new(&weights).cycle;
        assert_eq!(servers[cycle[step % cycle.len()] as usize], server, "{line}");
        true
    }

    #[test]
    fn ten_thousand_unequal_weights_have_every_turn_once() {
        let weights: Vec<u32> = (0..10_000).map(|index| 1 + index % 7).collect();
        let cycle = RoundRobin::new(&weights).cycle;
        let mut counts = vec![0; weights.len()];
        cycle.iter().for_each(|&pick| counts[pick as usize] += 1);
        assert_eq!(counts, weights);
    }

    #[test]
    fn a_random_phase_is_the_same_cycle_begun_elsewhere() {
        let phases: Vec<usize> =
            (0..100).map(|turn| RoundRobin::new(&[5, 1, 1]).with_phase(rng::draw(1, turn)).phase).collect();
        assert!((0..7).all(|phase| phases.contains(&phase)), "{phases:?}");
    }

    #[test]
    fn huge_weights_are_scaled_and_nobody_is_lost() {
        let cycle = RoundRobin::new(&[u32::MAX, 1, u32::MAX / 2]).cycle;
        assert!(cycle.len() <= 65_538 && (0..3).all(|index| cycle.contains(&index)));
    }
}

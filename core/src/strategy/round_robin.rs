//! Smooth weighted round robin.
//!
//! Source: nginx's smooth weighted balancing (commit of 2012, `ngx_http_upstream_round_robin`): at each pick everyone's
//! current weight grows by its weight, the largest is chosen and pays the total. The answers are nginx's own
//! (`vectors/nginx-swrr.csv`).
//!
//! *Where we differ*: one whole cycle is laid out when a snapshot is built, and a pick reads its turn's place in it: no lock and
//! no scan. An unusable endpoint's places go to the next usable one in the cycle. Weights whose sum (after dividing by
//! their common divisor) is above 65 536 are scaled down to it.

use super::{Candidates, Turn};

/// One cycle of picks.
#[derive(Debug)]
pub(crate) struct RoundRobin {
    cycle: Box<[u32]>,
}

impl RoundRobin {
    /// Lays out one cycle for endpoints of these weights.
    pub(crate) fn new(weights: &[u32]) -> Self {
        let weights = reduced(weights);
        let equal = weights.windows(2).all(|pair| pair[0] == pair[1]);
        let cycle = if equal { (0..).take(weights.len()).collect() } else { smooth(&weights) };
        Self { cycle }
    }

    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn) -> Option<usize> {
        let length = self.cycle.len();
        let start = (turn.number as usize).checked_rem(length)?;
        let around = self.cycle[start..].iter().chain(&self.cycle[..start]);
        around.map(|&index| index as usize).find(|&index| candidates.is_usable(index))
    }
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

fn smooth(weights: &[u64]) -> Box<[u32]> {
    let total: u64 = weights.iter().sum();
    let weights: Vec<i64> = weights.iter().map(|&weight| i64::try_from(weight).unwrap_or(i64::MAX)).collect();
    let sum: i64 = weights.iter().sum();
    let mut current = vec![0_i64; weights.len()];
    let mut step = || {
        let mut best = 0;
        for (index, weight) in weights.iter().enumerate() {
            current[index] += weight;
            if current[index] > current[best] {
                best = index;
            }
        }
        current[best] -= sum;
        u32::try_from(best).unwrap_or(u32::MAX)
    };
    (0..total).map(|_| step()).collect()
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

const LONGEST_CYCLE: u64 = 65_536;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn answers_as_nginx_on_every_captured_step() {
        let capture = include_str!("../../../vectors/nginx-swrr.csv");
        let replayed = capture.lines().skip(1).filter(|line| replay(line)).count();
        assert!(replayed > 600, "only {replayed} captured steps were replayed");
    }

    /// Compares one captured step, `algorithm,case,weights,step,server`; false for other algorithms and for the two cases
    /// with servers out of rotation.
    fn replay(line: &str) -> bool {
        let fields: Vec<&str> = line.split(',').collect();
        let [algorithm, case, weights, step, server] = fields[..] else {
            unreachable!("{line}: not five fields")
        };
        if algorithm != "swrr" || case.contains('_') {
            return false;
        }
        let weights: Vec<u32> = weights.split(' ').map(|weight| weight.parse().expect("a weight")).collect();
        let step: usize = step.parse().expect("a step");
        let server: u32 = server.parse().expect("a server");
        let cycle = RoundRobin::new(&weights).cycle;
        assert_eq!(cycle[step % cycle.len()] + 1, server, "{line}");
        true
    }

    #[test]
    fn every_prefix_stays_within_one_pick_of_its_share() {
        for weights in [vec![5, 1, 1], vec![10, 1, 1, 1, 1, 1], vec![3, 7, 2, 9], vec![1, 2, 3, 4, 5, 6, 7]] {
            let total: u32 = weights.iter().sum();
            let cycle = RoundRobin::new(&weights).cycle;
            assert_eq!(cycle.len(), total as usize);
            for (index, &weight) in weights.iter().enumerate() {
                let mut count = 0_u32;
                for (taken, &pick) in (1_u32..).zip(cycle.iter()) {
                    count += u32::from(pick as usize == index);
                    let due = f64::from(taken * weight) / f64::from(total);
                    assert!(
                        (f64::from(count) - due).abs() < 1.0,
                        "{weights:?} after {taken}: {count}, due {due}"
                    );
                }
                assert_eq!(count, weight);
            }
        }
    }

    #[test]
    fn huge_weights_are_scaled_and_nobody_is_lost() {
        let cycle = RoundRobin::new(&[u32::MAX, 1, u32::MAX / 2]).cycle;
        assert!(cycle.len() <= 65_538 && (0..3).all(|index| cycle.contains(&index)));
    }
}

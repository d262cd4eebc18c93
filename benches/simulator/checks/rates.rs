//! Rate: in any span of time a tenant gets at most its burst and its rate by that time.
//!
//! And a request that is refused is told when there will be room again, to the nanosecond.
//!
//! One leaky bucket for each rate says the same: what was taken and has not yet run out never exceeds the burst.

use std::time::Duration;

use tenantry::{Rate, RateUnit};

use super::Violation;
use crate::tree::{Node, Tree};

/// Every rate of every tenant and of every group.
#[derive(Debug)]
pub(crate) struct Rates {
    /// By tenant: its own node in the tree and those above, whose rates count, too.
    ways: Vec<Vec<usize>>,
    /// By node.
    buckets: Vec<Vec<Bucket>>,
    /// By node: whether all that it was charged is known exactly. What a request that waited gets back is known as a bound only, and so is
    /// what an update carries over.
    exact: Vec<bool>,
}

#[derive(Debug)]
struct Bucket {
    by_cost: bool,
    burst: f64,
    per_nano: f64,
    level: f64,
    at: u64,
}

impl Rates {
    pub(crate) fn new(tree: &Tree) -> Self {
        let bucket = |node: &Node| node.rates.iter().map(Bucket::new).collect();
        Self {
            ways: (0..tree.tenants()).map(|tenant| tree.upwards(tenant).collect()).collect(),
            buckets: tree.nodes().iter().map(bucket).collect(),
            exact: vec![true; tree.nodes().len()],
        }
    }

    /// What a tenant's requests are charged to, as it is now.
    fn charged(&mut self, tenant: usize, now: u64, mut visit: impl FnMut(&mut Bucket)) {
        for &node in &self.ways[tenant] {
            for bucket in &mut self.buckets[node] {
                bucket.run_to(now);
                visit(bucket);
            }
        }
    }

    /// What was taken before is not known.
    pub(crate) fn inexact(self) -> Self {
        Self { exact: vec![false; self.buckets.len()], ..self }
    }

    /// A request is let in, to a seat or to the queue.
    pub(crate) fn accepted(&mut self, tenant: usize, cost: u64, now: u64) -> Option<Violation> {
        let mut found = None;
        self.charged(tenant, now, |bucket| {
            bucket.level += bucket.amount(cost);
            if bucket.level > bucket.burst * (1.0 + ROUNDING) + ROUNDING {
                let detail = format!(
                    "tenant {tenant} took {:.6} at once of a burst of {}",
                    bucket.level, bucket.burst
                );
                found = Some(Violation::new("rate", detail));
            }
        });
        found
    }

    /// A request is refused until later: that must be when its tenant's rates have room for it, to the nanosecond.
    pub(crate) fn refused(
        &mut self,
        tenant: usize,
        cost: u64,
        retry_after: Duration,
        now: u64,
    ) -> Option<Violation> {
        if !self.ways[tenant].iter().all(|&node| self.exact[node]) {
            return None;
        }
        let mut due = 0.0_f64;
        self.charged(tenant, now, |bucket| {
            due = due.max((bucket.level + bucket.amount(cost) - bucket.burst) / bucket.per_nano);
        });
        let told = retry_after.as_secs_f64() * 1e9;
        ((told - due).abs() > RETRY_ROUNDING).then(|| {
            let detail = format!(
                "tenant {tenant} was told to come back in {told:.1} ns, and there is room in {due:.1}"
            );
            Violation::new("retry after", detail)
        })
    }

    /// A request that waited is turned away: what has not run out of its charge is given back.
    pub(crate) fn undone(&mut self, tenant: usize, cost: u64, now: u64) {
        for &node in &self.ways[tenant] {
            self.exact[node] = false;
        }
        self.charged(tenant, now, |bucket| {
            bucket.level = (bucket.level - bucket.amount(cost)).max(0.0);
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates and costs are far below 2⁵³")]
impl Bucket {
    fn new(rate: &Rate) -> Self {
        Self {
            by_cost: *rate.unit() == RateUnit::Cost,
            burst: rate.burst() as f64,
            // The core counts in 1/32 ns, rounded up for each unit.
            per_nano: 32.0 / (rate.period().as_nanos() * 32).div_ceil(u128::from(rate.amount())) as f64,
            level: 0.0,
            at: 0,
        }
    }

    fn run_to(&mut self, now: u64) {
        self.level = (self.level - (now - self.at) as f64 * self.per_nano).max(0.0);
        self.at = now;
    }

    const fn amount(&self, cost: u64) -> f64 {
        if self.by_cost { cost as f64 } else { 1.0 }
    }
}

/// In nanoseconds: the core rounds up to a whole one, and its quotas to 1/32 of one.
const RETRY_ROUNDING: f64 = 2.0;
/// What sums of doubles, and whole nanoseconds per token, may be off by.
const ROUNDING: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(rate: Rate) -> Rates {
        let mut tree = Tree::of_weights(&[1]);
        tree.set_rates(0, vec![rate]);
        Rates::new(&tree)
    }

    #[test]
    fn more_than_burst_and_rate_is_caught() {
        let mut rates = rates(Rate::per_second(10).with_burst(2));
        assert!(rates.accepted(0, 1, 0).is_none());
        assert!(rates.accepted(0, 1, 0).is_none());
        assert!(rates.accepted(0, 1, 100_000_000).is_none());
        assert!(rates.accepted(0, 1, 150_000_000).is_some());
    }

    #[test]
    fn a_wrong_time_to_come_back_is_caught_early_or_late() {
        let mut rates = rates(Rate::per_second(10).with_burst(1));
        assert!(rates.accepted(0, 1, 0).is_none());
        let mut told = |nanos| rates.refused(0, 1, Duration::from_nanos(nanos), 40_000_000).is_some();
        assert_eq!([59_999_990, 60_000_000, 60_000_010].map(&mut told), [true, false, true]);
    }

    #[test]
    fn what_was_given_back_may_be_taken_again() {
        let mut rates = rates(Rate::per_second(1).with_burst(1));
        assert!(rates.accepted(0, 1, 0).is_none());
        rates.undone(0, 1, 10);
        assert!(rates.accepted(0, 1, 10).is_none());
        assert!(rates.accepted(0, 1, 20).is_some());
    }
}

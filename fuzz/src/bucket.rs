//! One quota as the model sees it: two buckets that hold the real one between them.
//!
//! `least` is the earliest moment at which the bucket can be full again, `most` the latest. They are equal until something
//! happens of which the specification leaves the amount open: a reservation that is taken back may come back or not.

use std::time::Duration;

use tenantry::Time;

use crate::setup::RatePlan;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    pub(crate) plan: RatePlan,
    least: i128,
    most: i128,
}

impl Bucket {
    pub(crate) fn new(plan: RatePlan) -> Self {
        assert_eq!(plan.period.as_nanos() % u128::from(plan.amount), 0, "the model counts whole nanoseconds");
        Self { plan, least: 0, most: 0 }
    }

    pub(crate) const fn units(&self, cost: u64) -> i128 {
        if self.plan.by_cost { cost as i128 } else { 1 }
    }

    /// More than could ever pass at once.
    pub(crate) const fn too_costly(&self, cost: u64) -> bool {
        self.units(cost) > self.plan.burst as i128
    }

    /// How long a request must wait: at least, at most.
    pub(crate) fn wait(&self, cost: u64, now: Time) -> (Duration, Duration) {
        let wait = |full_at: i128| {
            let now = nanos(now);
            let next = full_at.max(now) + self.units(cost) * self.interval();
            let early = next - now - i128::from(self.plan.burst) * self.interval();
            Duration::from_nanos(u64::try_from(early.max(0)).unwrap_or(u64::MAX))
        };
        (wait(self.least), wait(self.most))
    }

    /// Was charged, for all that is known.
    pub(crate) fn take(&mut self, cost: u64, now: Time) {
        self.take_least(cost, now);
        self.take_most(cost, now);
    }

    pub(crate) fn take_least(&mut self, cost: u64, now: Time) {
        self.least = self.least.max(nanos(now)) + self.units(cost) * self.interval();
    }

    pub(crate) fn take_most(&mut self, cost: u64, now: Time) {
        self.most = self.most.max(nanos(now)) + self.units(cost) * self.interval();
    }

    /// May have come back.
    pub(crate) fn give_back(&mut self, cost: u64) {
        self.least -= self.units(cost) * self.interval();
    }

    /// The request cost more or less than was reserved.
    pub(crate) fn settle(&mut self, reserved: u64, actual: u64, now: Time) {
        if !self.plan.by_cost {
            return;
        }
        if actual > reserved {
            self.take(actual - reserved, now);
        } else {
            self.give_back(reserved - actual);
        }
    }

    /// The rate has changed, or its tenant has gone and come back: anything between full and what it was.
    pub(crate) fn become_vague(&mut self, plan: RatePlan, now: Time) {
        let left = (self.most - nanos(now)).max(0);
        let old = self.interval();
        self.plan = plan;
        // What is missing counts in units, which the new rate refills.
        let refilled = (left + old - 1) / old * self.interval();
        let empty = i128::from(plan.burst) * self.interval();
        self.least = i128::MIN / 2;
        self.most = nanos(now) + refilled.max(empty);
    }

    fn interval(&self) -> i128 {
        i128::try_from(self.plan.period.as_nanos()).expect("short periods") / i128::from(self.plan.amount)
    }
}

fn nanos(time: Time) -> i128 {
    i128::from(time.as_nanos())
}

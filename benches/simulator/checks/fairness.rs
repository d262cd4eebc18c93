//! Fair share: for any two tenants of one parent that both wait without a pause, |Wf/wf − Wg/wg| ≤ (D+1)(cf/wf + cg/wg).
//!
//! W is the cost admitted since both began to wait. The bound holds for every span of time within, so what is compared with it is the
//! difference's greatest value less its least.

use super::Violation;

/// What the bound needs to know of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FlowTerms {
    pub(crate) weight: f64,
    pub(crate) parent: Option<String>,
    /// Tenants with seats of their own are served by another rule.
    pub(crate) bound_holds: bool,
}

impl Default for FlowTerms {
    fn default() -> Self {
        Self { weight: 1.0, parent: None, bound_holds: true }
    }
}

/// All pairs of tenants in one pool.
#[derive(Debug)]
pub(crate) struct Fairness {
    terms: Vec<FlowTerms>,
    flows: Vec<Flow>,
    /// The tenants that wait, in no order.
    backlogged: Vec<usize>,
    /// By lesser and greater tenant: the difference's least and greatest value.
    pairs: Vec<Range>,
    most_in_flight: u32,
    /// The greatest share of the bound that was reached.
    pub(crate) worst: f64,
}

#[derive(Clone, Debug, Default)]
struct Flow {
    waiting: u32,
    /// Cost by weight.
    served: f64,
    dearest: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Range {
    least: f64,
    most: f64,
}

impl Fairness {
    pub(crate) fn new(terms: Vec<FlowTerms>) -> Self {
        let count = terms.len();
        Self {
            flows: vec![Flow::default(); count],
            backlogged: vec![],
            pairs: vec![Range::default(); count * count],
            most_in_flight: 0,
            worst: 0.0,
            terms,
        }
    }

    /// Other weights are in force: what was served before counts no more.
    pub(crate) fn set_terms(&mut self, terms: Vec<FlowTerms>) {
        self.terms = terms;
        for &tenant in &self.backlogged.clone() {
            self.open_pairs(tenant);
        }
    }

    /// One more of this tenant's requests waits.
    pub(crate) fn waits(&mut self, tenant: usize) {
        self.flows[tenant].waiting += 1;
        if self.flows[tenant].waiting == 1 {
            self.open_pairs(tenant);
            self.backlogged.push(tenant);
        }
    }

    /// One of them waits no more.
    pub(crate) fn waits_no_more(&mut self, tenant: usize) {
        self.flows[tenant].waiting -= 1;
        if self.flows[tenant].waiting == 0 {
            self.backlogged.retain(|&other| other != tenant);
        }
    }

    fn open_pairs(&mut self, tenant: usize) {
        for at in 0..self.backlogged.len() {
            let (one, other) = ordered(tenant, self.backlogged[at]);
            let difference = self.flows[one].served - self.flows[other].served;
            *self.pair_mut(one, other) = Range { least: difference, most: difference };
        }
    }

    /// A request is admitted, and so many are in flight in the pool with it. One that waited still counts as waiting.
    #[expect(clippy::cast_precision_loss, reason = "costs are far below 2⁵³")]
    pub(crate) fn admitted(&mut self, tenant: usize, cost: u64, in_flight: u32) -> Option<Violation> {
        self.most_in_flight = self.most_in_flight.max(in_flight);
        let weight = self.terms[tenant].weight;
        let flow = &mut self.flows[tenant];
        flow.dearest = flow.dearest.max(cost as f64);
        flow.served += cost as f64 / weight;
        if flow.waiting == 0 {
            return None;
        }
        let mut found = None;
        for at in 0..self.backlogged.len() {
            let other = self.backlogged[at];
            if other != tenant && self.comparable(tenant, other) {
                found = self.compare(tenant, other).or(found);
            }
        }
        found
    }

    fn comparable(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.terms[one], &self.terms[other]);
        one.bound_holds && other.bound_holds && one.parent == other.parent
    }

    fn compare(&mut self, tenant: usize, other: usize) -> Option<Violation> {
        let (one, other) = ordered(tenant, other);
        let difference = self.flows[one].served - self.flows[other].served;
        let range = self.pair_mut(one, other);
        range.least = range.least.min(difference);
        range.most = range.most.max(difference);
        let spread = range.most - range.least;
        let step = |tenant: usize| self.flows[tenant].dearest.max(1.0) / self.terms[tenant].weight;
        let bound = f64::from(self.most_in_flight + 1) * (step(one) + step(other));
        self.worst = self.worst.max(spread / bound);
        (spread > bound * ROUNDING).then(|| {
            let detail =
                format!("tenants {one} and {other} drifted {spread:.3} apart, and {bound:.3} is the bound");
            Violation::new("fair share", detail)
        })
    }

    fn pair_mut(&mut self, one: usize, other: usize) -> &mut Range {
        let count = self.flows.len();
        &mut self.pairs[one * count + other]
    }
}

fn ordered(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

/// What sums of doubles may be off by.
const ROUNDING: f64 = 1.0 + 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    fn two(weights: [f64; 2]) -> Fairness {
        let terms = weights.map(|weight| FlowTerms { weight, parent: None, bound_holds: true });
        let mut fairness = Fairness::new(terms.to_vec());
        fairness.waits(0);
        fairness.waits(1);
        fairness
    }

    #[test]
    fn one_tenant_that_gets_everything_is_caught() {
        let mut fairness = two([1.0, 1.0]);
        // (D + 1)(1 + 1) = 4 with one in flight.
        let admitted: Vec<_> = (0..6).map(|_| fairness.admitted(0, 1, 1)).collect();
        assert!(admitted[..4].iter().all(Option::is_none), "{admitted:?}");
        assert!(admitted[4].is_some() && admitted[5].is_some(), "{admitted:?}");
    }

    #[test]
    fn a_tenant_that_paused_is_owed_nothing() {
        let mut fairness = two([1.0, 1.0]);
        for _ in 0..20 {
            fairness.waits_no_more(1);
            assert!(fairness.admitted(0, 1, 1).is_none());
            fairness.waits(1);
        }
    }

    #[test]
    fn service_in_proportion_to_weight_is_fair_and_any_other_is_not() {
        let mut fairness = two([1.0, 3.0]);
        for _ in 0..100 {
            assert!(fairness.admitted(0, 1, 1).is_none());
            assert!((0..3).all(|_| fairness.admitted(1, 1, 1).is_none()));
        }
        assert!(fairness.worst <= 1.0);
        let caught =
            (0..100).any(|_| fairness.admitted(0, 1, 1).is_some() || fairness.admitted(1, 1, 1).is_some());
        assert!(caught);
    }
}

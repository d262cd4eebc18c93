//! Fair share: for any two siblings of the tree that both wait without a pause, |Wf/wf − Wg/wg| ≤ (D+1)(cf/wf + cg/wg).
//!
//! Siblings are tenants or groups beneath one parent, at every level; a group waits while any of its tenants does. W is the cost admitted
//! since both began to wait. The bound holds for every span of time within, so what is compared with it is the difference's greatest value less
//! its least.

use super::Violation;
use crate::tree::Tree;

/// All pairs of siblings in one pool.
#[derive(Debug)]
pub(crate) struct Fairness {
    tree: Tree,
    /// By node of the tree.
    flows: Vec<Flow>,
    /// By the parent's node plus one; the top is the first.
    levels: Vec<Level>,
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
    /// Its place among the siblings that wait.
    place: usize,
}

/// Siblings that wait. Places are given anew as siblings come and go, so memory grows with how many wait at once.
#[derive(Clone, Debug, Default)]
struct Level {
    places: Vec<Option<usize>>,
    free: Vec<usize>,
    /// By the greater and the lesser place: the difference's least and greatest value.
    pairs: Vec<Range>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Range {
    least: f64,
    most: f64,
}

impl Fairness {
    pub(crate) fn new(tree: Tree) -> Self {
        let nodes = tree.nodes().len();
        Self {
            flows: vec![Flow::default(); nodes],
            levels: vec![Level::default(); nodes + 1],
            most_in_flight: 0,
            worst: 0.0,
            tree,
        }
    }

    /// Other weights are in force: what was served before counts no more.
    pub(crate) fn set_terms(&mut self, tree: Tree) {
        let tenants =
            tree.nodes().iter().zip(self.tree.nodes()).take_while(|(new, old)| new.name == old.name);
        let waiting: Vec<u32> = tenants.zip(&self.flows).map(|(_, flow)| flow.waiting).collect();
        let leaves = waiting.into_iter().take(tree.tenants());
        let (most_in_flight, worst) = (self.most_in_flight, self.worst);
        *self = Self { most_in_flight, worst, ..Self::new(tree) };
        for (tenant, waiting) in leaves.enumerate() {
            (0..waiting).for_each(|_| self.waits(tenant));
        }
    }

    /// One more of this tenant's requests waits.
    pub(crate) fn waits(&mut self, tenant: usize) {
        let mut node = Some(tenant);
        while let Some(at) = node {
            self.flows[at].waiting += 1;
            if self.flows[at].waiting == 1 {
                self.enter(at);
            }
            node = self.tree.nodes()[at].parent;
        }
    }

    /// One of them waits no more.
    pub(crate) fn waits_no_more(&mut self, tenant: usize) {
        let mut node = Some(tenant);
        while let Some(at) = node {
            self.flows[at].waiting -= 1;
            if self.flows[at].waiting == 0 {
                let place = self.flows[at].place;
                self.level_of(at).leave(place);
            }
            node = self.tree.nodes()[at].parent;
        }
    }

    fn level_of(&mut self, node: usize) -> &mut Level {
        let parent = self.tree.nodes()[node].parent;
        &mut self.levels[parent.map_or(0, |parent| parent + 1)]
    }

    fn enter(&mut self, node: usize) {
        let place = self.level_of(node).enter(node);
        self.flows[node].place = place;
        let level = self.tree.nodes()[node].parent.map_or(0, |parent| parent + 1);
        let Self { flows, levels, .. } = self;
        let Level { places, pairs, .. } = &mut levels[level];
        for (other_place, other) in places.iter().enumerate() {
            let Some(other) = other.filter(|&other| other != node) else { continue };
            let (one, other) = ordered((place, node), (other_place, other));
            let difference = flows[one.1].served - flows[other.1].served;
            pairs[pair_at(one.0, other.0)] = Range { least: difference, most: difference };
        }
    }

    /// A request is admitted, and so many are in flight in the pool with it. One that waited still counts as waiting.
    #[expect(clippy::cast_precision_loss, reason = "costs are far below 2⁵³")]
    pub(crate) fn admitted(&mut self, tenant: usize, cost: u64, in_flight: u32) -> Option<Violation> {
        self.most_in_flight = self.most_in_flight.max(in_flight);
        let mut found = None;
        let mut node = Some(tenant);
        while let Some(at) = node {
            let weight = self.tree.nodes()[at].weight;
            let flow = &mut self.flows[at];
            flow.dearest = flow.dearest.max(cost as f64);
            flow.served += cost as f64 / weight;
            if flow.waiting > 0 && self.tree.nodes()[at].by_weight {
                found = self.compare_with_siblings(at).or(found);
            }
            node = self.tree.nodes()[at].parent;
        }
        found
    }

    fn compare_with_siblings(&mut self, node: usize) -> Option<Violation> {
        let level = self.tree.nodes()[node].parent.map_or(0, |parent| parent + 1);
        let Self { tree, flows, levels, most_in_flight, worst } = self;
        let Level { places, pairs, .. } = &mut levels[level];
        let nodes = tree.nodes();
        let step = |node: usize| flows[node].dearest.max(1.0) / nodes[node].weight;
        let own = (flows[node].place, node);
        let mut found = None;
        for (place, other) in places.iter().enumerate() {
            let Some(other) = other.filter(|&other| other != node && nodes[other].by_weight) else {
                continue;
            };
            let (one, other) = ordered(own, (place, other));
            let difference = flows[one.1].served - flows[other.1].served;
            let range = &mut pairs[pair_at(one.0, other.0)];
            range.least = range.least.min(difference);
            range.most = range.most.max(difference);
            let spread = range.most - range.least;
            let bound = f64::from(*most_in_flight + 1) * (step(one.1) + step(other.1));
            *worst = worst.max(spread / bound);
            if spread > bound * ROUNDING {
                let (one, other) = (&nodes[one.1].name, &nodes[other.1].name);
                let detail =
                    format!("{one} and {other} drifted {spread:.3} apart, and {bound:.3} is the bound");
                found = Some(Violation::new("fair share", detail));
            }
        }
        found
    }
}

impl Level {
    fn enter(&mut self, node: usize) -> usize {
        if let Some(place) = self.free.pop() {
            self.places[place] = Some(node);
            return place;
        }
        self.places.push(Some(node));
        self.pairs.resize(pair_at(self.places.len(), 0), Range::default());
        self.places.len() - 1
    }

    fn leave(&mut self, place: usize) {
        self.places[place] = None;
        self.free.push(place);
    }
}

/// The greater place first.
fn ordered(one: (usize, usize), other: (usize, usize)) -> ((usize, usize), (usize, usize)) {
    if one.0 > other.0 { (one, other) } else { (other, one) }
}

/// Where the pair of a greater and a lesser place lies in a triangle.
const fn pair_at(greater: usize, lesser: usize) -> usize {
    greater * greater.saturating_sub(1) / 2 + lesser
}

/// What sums of doubles may be off by.
const ROUNDING: f64 = 1.0 + 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    fn two(weights: [u32; 2]) -> Fairness {
        let mut fairness = Fairness::new(Tree::of_weights(&weights));
        fairness.waits(0);
        fairness.waits(1);
        fairness
    }

    #[test]
    fn groups_are_compared_as_their_tenants_are() {
        // 0 and 1 in one group, 2 beside it: the group gets twice what is its own.
        let tree = Tree::of_weights(&[1, 1, 1]).with_group(&[0, 1]);
        let mut fairness = Fairness::new(tree);
        (0..3).for_each(|tenant| fairness.waits(tenant));
        let caught = (0..40).any(|_| (0..3).any(|tenant| fairness.admitted(tenant, 1, 1).is_some()));
        assert!(caught);
        let tree = Tree::of_weights(&[1, 1, 1]).with_group(&[0, 1]);
        let mut fairness = Fairness::new(tree);
        (0..3).for_each(|tenant| fairness.waits(tenant));
        let fair =
            (0..40).all(|_| [0, 2, 1, 2].iter().all(|&tenant| fairness.admitted(tenant, 1, 1).is_none()));
        assert!(fair);
    }

    #[test]
    fn places_are_given_again_so_memory_grows_with_those_who_wait_at_once() {
        let mut fairness = Fairness::new(Tree::of_weights(&[1; 1_000]));
        for tenant in 0..999 {
            fairness.waits(tenant);
            fairness.waits(tenant + 1);
            fairness.waits_no_more(tenant);
            fairness.waits_no_more(tenant + 1);
        }
        assert_eq!(fairness.levels[0].places.len(), 2);
        assert_eq!(fairness.levels[0].pairs.len(), 1);
    }

    #[test]
    fn one_tenant_that_gets_everything_is_caught() {
        let mut fairness = two([1, 1]);
        // (D + 1)(1 + 1) = 4 with one in flight.
        let admitted: Vec<_> = (0..6).map(|_| fairness.admitted(0, 1, 1)).collect();
        assert!(admitted[..4].iter().all(Option::is_none), "{admitted:?}");
        assert!(admitted[4].is_some() && admitted[5].is_some(), "{admitted:?}");
    }

    #[test]
    fn a_tenant_that_paused_is_owed_nothing() {
        let mut fairness = two([1, 1]);
        for _ in 0..20 {
            fairness.waits_no_more(1);
            assert!(fairness.admitted(0, 1, 1).is_none());
            fairness.waits(1);
        }
    }

    #[test]
    fn service_in_proportion_to_weight_is_fair_and_any_other_is_not() {
        let mut fairness = two([1, 3]);
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

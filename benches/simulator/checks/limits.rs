//! Limits, isolation and bounds of tenants and queues, at every level of the tree.
//!
//! No tenant and no group is over its `max_in_flight` or its `seats.max`; nobody has a seat of a pool, or an endpoint, that is
//! not its own to use; no queue is longer than configured; and whoever is turned away because a queue is full has, at every level of
//! the tree, at least as much waiting for its weight as each of its siblings, give or take one request.

use std::mem;

use tenantry::Amount;

use super::{Party, PoolTerms, Violation};
use crate::{record::PoolSample, tree::Tree};

/// What a tenant may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenantTerms {
    /// By pool: whether it may use it.
    pub(crate) pools: Vec<bool>,
}

/// What tenants and groups hold and wait for.
#[derive(Debug)]
pub(crate) struct Limits {
    tree: Tree,
    tenants: Vec<TenantTerms>,
    pools: Vec<PoolTerms>,
    /// By pool and node of the tree.
    standings: Vec<Vec<Standing>>,
    /// By pool: how many wait.
    waiting: Vec<u32>,
    /// By pool: the dearest request that ever waited.
    dearest: Vec<f64>,
    /// Who came to wait, or got a seat, in this step.
    came: Vec<Party>,
    seated: Vec<Party>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    leases: u32,
    seats: u32,
    waiting: u32,
    waiting_cost: f64,
}

impl Limits {
    pub(crate) fn new(tree: Tree, tenants: Vec<TenantTerms>, pools: Vec<PoolTerms>) -> Self {
        Self {
            standings: vec![vec![Standing::default(); tree.nodes().len()]; pools.len()],
            waiting: vec![0; pools.len()],
            dearest: vec![1.0; pools.len()],
            came: vec![],
            seated: vec![],
            tree,
            tenants,
            pools,
        }
    }

    /// Other terms are in force: groups are counted anew.
    pub(crate) fn set_terms(&mut self, tree: Tree, tenants: Vec<TenantTerms>, pools: Vec<PoolTerms>) {
        let old = mem::replace(self, Self::new(tree, tenants, pools));
        self.dearest = old.dearest;
        self.waiting = old.waiting;
        for (pool, standings) in old.standings.iter().enumerate() {
            for (tenant, held) in standings.iter().take(self.tenants.len()).enumerate() {
                self.change(Party { pool, tenant }, |standing| {
                    standing.leases += held.leases;
                    standing.seats += held.seats;
                    standing.waiting += held.waiting;
                    standing.waiting_cost += held.waiting_cost;
                });
            }
        }
    }

    fn change(&mut self, party: Party, change: impl Fn(&mut Standing)) {
        let Self { tree, standings, .. } = self;
        tree.upwards(party.tenant).for_each(|node| change(&mut standings[party.pool][node]));
    }

    pub(crate) fn waits(&mut self, party: Party, cost: f64) {
        self.dearest[party.pool] = self.dearest[party.pool].max(cost);
        self.waiting[party.pool] += 1;
        self.came.push(party);
        self.change(party, |standing| {
            standing.waiting += 1;
            standing.waiting_cost += cost;
        });
    }

    pub(crate) fn waits_no_more(&mut self, party: Party, cost: f64) {
        self.waiting[party.pool] -= 1;
        self.change(party, |standing| {
            standing.waiting -= 1;
            standing.waiting_cost -= cost;
        });
    }

    /// A request has a seat at an endpoint.
    pub(crate) fn admitted(&mut self, party: Party, endpoint: usize, width: u32) -> Option<Violation> {
        self.seated.push(party);
        self.change(party, |standing| {
            standing.leases += 1;
            standing.seats += width;
        });
        let Party { pool, tenant } = party;
        let (terms, name) = (&self.pools[pool], &self.tree.nodes()[tenant].name);
        let detail = if !self.tenants[tenant].pools[pool] {
            format!("{name} has a seat of pool {}, which it may not use", terms.name)
        } else if !terms.listed[endpoint] {
            format!("{name} was sent to endpoint {endpoint} of pool {}, which is not configured", terms.name)
        } else {
            return None;
        };
        Some(Violation::new("isolation", detail))
    }

    pub(crate) fn released(&mut self, party: Party, width: u32) {
        self.change(party, |standing| {
            standing.leases -= 1;
            standing.seats -= width;
        });
    }

    /// The step is over.
    pub(crate) fn check(&mut self, pools: &[PoolSample]) -> Vec<Violation> {
        let mut found = vec![];
        for party in mem::take(&mut self.came) {
            found.extend(self.over_queue(party));
            found.extend(self.over_inside(party.tenant));
        }
        for party in mem::take(&mut self.seated) {
            found.extend(self.over_seats(party, pools[party.pool].capacity));
            found.extend(self.over_inside(party.tenant));
        }
        found
    }

    fn over_queue(&self, Party { pool, tenant }: Party) -> Option<Violation> {
        let (terms, line, all) =
            (&self.pools[pool], self.standings[pool][tenant].waiting, self.waiting[pool]);
        let name = &self.tree.nodes()[tenant].name;
        (line > terms.per_tenant || all > terms.total).then(|| {
            let PoolTerms { per_tenant, total, .. } = terms;
            let detail =
                format!("{line} of {name} wait where {per_tenant} may, {all} of all where {total} may");
            Violation::new("bounds", detail)
        })
    }

    fn over_inside(&self, tenant: usize) -> Option<Violation> {
        let inside = |node: usize| -> u32 {
            self.standings.iter().map(|pool| pool[node].leases + pool[node].waiting).sum()
        };
        let nodes = self.tree.nodes();
        let over = |&node: &usize| nodes[node].max_in_flight.is_some_and(|limit| inside(node) > limit);
        let node = self.tree.upwards(tenant).find(over)?;
        let (name, limit) = (&nodes[node].name, nodes[node].max_in_flight.unwrap_or_default());
        Some(Violation::new("limits", format!("{name} has {} inside, and {limit} is the most", inside(node))))
    }

    /// A request that is alone in its tenant or group may be wider than its bound.
    fn over_seats(&self, Party { pool, tenant }: Party, capacity: u32) -> Option<Violation> {
        let over = |&node: &usize| {
            let standing = self.standings[pool][node];
            let most = self.tree.nodes()[node].max_seats.map_or(u32::MAX, |most| seats_of(most, capacity));
            standing.seats > most && standing.leases > 1
        };
        let node = self.tree.upwards(tenant).find(over)?;
        let (name, seats) = (&self.tree.nodes()[node].name, self.standings[pool][node].seats);
        Some(Violation::new("limits", format!("{name} has {seats} seats of {capacity}, over its max")))
    }

    /// Somebody is turned away because the queue is full; `newcomer` is what it would have added, if it was not let in at all.
    pub(crate) fn turned_away(&self, party: Party, newcomer: f64) -> Option<Violation> {
        let Party { pool, tenant } = party;
        let standings = &self.standings[pool];
        if standings[tenant].waiting + 1 >= self.pools[pool].per_tenant || self.waiting[pool] == 0 {
            // Its own line is full, which has nothing to do with others.
            return None;
        }
        let nodes = self.tree.nodes();
        for node in self.tree.upwards(tenant) {
            let excess = |node: usize, more: f64| (standings[node].waiting_cost + more) / nodes[node].weight;
            let own = excess(node, newcomer + self.dearest[pool]);
            let siblings =
                (0..nodes.len()).filter(|&other| other != node && nodes[other].parent == nodes[node].parent);
            let further = siblings
                .map(|other| (other, excess(other, 0.0)))
                .find(|&(_, excess)| excess > own * ROUNDING);
            if let Some((other, excess)) = further {
                let detail = format!(
                    "{} was turned away with {own:.3} waiting for its weight, beside {excess:.3} of {}",
                    nodes[node].name, nodes[other].name
                );
                return Some(Violation::new("isolation", detail));
            }
        }
        None
    }
}

/// In seats, at a capacity: percentages are rounded down, and 1 is the least.
fn seats_of(most: Amount, capacity: u32) -> u32 {
    match most {
        Amount::Seats(seats) => seats.max(1),
        Amount::Percent(percent) => {
            (u64::from(capacity) * u64::from(percent) / 100).try_into().unwrap_or(u32::MAX).max(1)
        }
        _ => u32::MAX,
    }
}

/// What sums of doubles may be off by.
const ROUNDING: f64 = 1.0 + 1e-9;

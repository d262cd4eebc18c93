//! What every limit must say is used, as plain sums: what is reserved, plus what has been settled.

use std::collections::BTreeMap;

use tenantry::Balancer;

use crate::world::{Counts, FIXED, Kind, PASSING, limits_of};

/// What a request is charged, and where.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) levels: Vec<Level>,
    pub(crate) cost: u64,
    pub(crate) units: u64,
    /// What it has said of the units that it has used.
    pub(crate) reported: Option<u64>,
}

/// A tenant as a request came in beneath it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) id: &'static str,
    /// Which of those that had the id one after the other.
    pub(crate) life: u32,
}

/// What is used of one limit, at least and at most: the same but for token buckets, which may give back less than was reserved too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) least: i64,
    pub(crate) most: i64,
}

/// One tenant.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) life: u32,
    pub(crate) is_there: bool,
    pub(crate) used: Vec<Sum>,
}

/// All tenants.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<&'static str, Account>,
}

impl Charge {
    fn reserved(&self, counts: Counts) -> i64 {
        signed(match counts {
            Counts::Requests => 1,
            Counts::Cost => self.cost,
            Counts::Units => self.units,
        })
    }

    fn actual(&self, counts: Counts, cost: Option<u64>) -> i64 {
        let told = match counts {
            Counts::Requests => None,
            Counts::Cost => cost,
            Counts::Units => self.reported,
        };
        told.map_or_else(|| self.reserved(counts), signed)
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        let account = |id: &&'static str| {
            let used = vec![Sum::default(); limits_of(id).len()];
            (*id, Account { life: 0, is_there: FIXED.contains(id), used })
        };
        Self { accounts: FIXED.iter().chain(&PASSING).map(account).collect() }
    }

    /// A tenant as it is now.
    pub(crate) fn level(&self, id: &'static str) -> Level {
        Level { id, life: self.accounts[id].life }
    }

    pub(crate) fn charge(&mut self, charge: &Charge) {
        self.change(charge, |reserved, _| reserved, None);
    }

    /// The request did not run.
    pub(crate) fn undo(&mut self, charge: &Charge) {
        self.change(charge, |reserved, _| -reserved, None);
    }

    pub(crate) fn settle(&mut self, charge: &Charge, cost: Option<u64>) {
        self.change(charge, |reserved, actual| actual - reserved, cost);
    }

    fn change(&mut self, charge: &Charge, by: impl Fn(i64, i64) -> i64, cost: Option<u64>) {
        for level in &charge.levels {
            let account = self.accounts.get_mut(level.id).expect("every id has one");
            if account.life != level.life {
                continue;
            }
            for (used, &(counts, kind)) in account.used.iter_mut().zip(limits_of(level.id)) {
                let change = by(charge.reserved(counts), charge.actual(counts, cost));
                used.least += change;
                used.most += if kind == Kind::Bucket { change.max(0) } else { change };
            }
        }
    }

    /// Looks who has come and gone. Who was evicted or taken out had nothing inside and owed nothing.
    pub(crate) fn follow(&mut self, balancer: &Balancer, inside: impl Fn(Level) -> bool) {
        for id in PASSING {
            let is_there = balancer.tenant_stats(id).is_some();
            let level = self.level(id);
            let account = self.accounts.get_mut(id).expect("every id has one");
            if account.is_there && !is_there {
                let forgotten = account.used.iter().any(|used| used.least != 0) || inside(level);
                assert!(!forgotten, "{id} was evicted or taken out with {account:?}");
                account.life += 1;
                account.used.fill(Sum::default());
            }
            account.is_there = is_there;
        }
    }

    /// What another has counted beside it. How little a bucket gives back while others charge it is not known.
    pub(crate) fn add(&mut self, other: &Self) {
        for (id, account) in &mut self.accounts {
            let pairs = account.used.iter_mut().zip(&other.accounts[id].used).zip(limits_of(id));
            for ((sum, more), (_, kind)) in pairs {
                let most = if *kind == Kind::Bucket { i64::MAX } else { sum.most + more.most };
                *sum = Sum { least: sum.least + more.least, most };
            }
        }
    }

    /// What is used is what has been reserved and settled, of every limit at every level.
    pub(crate) fn assert_used(&self, balancer: &Balancer) {
        for (id, account) in &self.accounts {
            let Some(limits) = balancer.own_limits_of(id) else {
                assert!(!account.is_there, "{id} is there");
                continue;
            };
            assert_eq!(limits.len(), account.used.len(), "{id}");
            for (limit, sum) in limits.iter().zip(&account.used) {
                let used = signed(limit.used());
                assert!(sum.least <= used && used <= sum.most, "{id}: {limit:?} where {sum:?}");
            }
        }
    }
}

fn signed(units: u64) -> i64 {
    i64::try_from(units).expect("small")
}

//! Who has a retry budget, and where.
//!
//! A budget is made when a tenant first asks for a retry in a pool; only from then on its requests there are counted, and the reserve carries it until
//! then. Whoever never retries has none and pays for none: a flag with the tenant says so. A budget is forgotten when nobody has asked for a while,
//! which is longer than any window, so nobody gains by it. There are only so many; tenants beyond share one budget for each pool.

use std::{collections::HashMap, time::Duration};

use foldhash::fast::RandomState;

use super::retry_budget::{Allowance, RetryBudget};
use crate::{
    attempt::Again,
    config::PoolSpec,
    pool::PoolId,
    stats::AttemptStats,
    sync::{AtomicU64, Mutex, Ordering, Padded},
    time::Time,
};

/// The budgets of all tenants in all pools.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// By the low bits of the tenants' keys, which are their slots': so they are equally full.
    shards: Box<[Padded<Mutex<Shard>>]>,
}

#[derive(Debug, Default)]
struct Shard {
    tenants: HashMap<u64, Vec<Kept>, RandomState>,
    /// What the tenants have for whom there is no place.
    shared: Vec<Kept>,
    /// Before this moment nobody's budget can be forgotten.
    futile_until: Time,
}

/// One budget.
#[derive(Debug)]
struct Kept {
    pool: PoolId,
    kind: Again,
    budget: RetryBudget,
    /// When it was last asked.
    asked: Time,
}

/// Whose budget where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payer {
    /// The tenant, by its slot and generation.
    pub(crate) tenant: u64,
    pub(crate) pool: PoolId,
}

/// A retry or hedge that its budget has paid for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paid {
    payer: Payer,
    pub(crate) kind: Again,
    since: Time,
}

/// What one pool allows, and what has come of it.
#[derive(Debug)]
pub(crate) struct Allowances {
    retry: Allowance,
    hedge: Allowance,
}

/// What has become of the retries and hedges in one pool.
#[derive(Debug, Default)]
pub(crate) struct AttemptCounts {
    retries: Counted,
    hedges: Counted,
}

#[derive(Debug, Default)]
pub(crate) struct Counted {
    passed: AtomicU64,
    refused: AtomicU64,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Padded::default()).collect() }
    }
}

impl Attempts {
    /// Lets a tenant's budget pay for an attempt, if it can. `note` is called, under the lock, because from now on the tenant's
    /// requests must be [counted](Self::count).
    ///
    /// # Errors
    /// How long until it could, if nothing else happens; none if it never could.
    pub(crate) fn pay(
        &self,
        payer: Payer,
        (kind, allowance): (Again, &Allowance),
        now: Time,
        note: impl FnOnce(),
    ) -> Result<Paid, Option<Duration>> {
        let mut shard = self.shard(payer.tenant).lock();
        note();
        let budgets = shard.budgets_of(payer.tenant, now);
        let same = |kept: &Kept| kept.pool == payer.pool && kept.kind == kind;
        let place = budgets.iter().position(same).unwrap_or_else(|| {
            let budget = RetryBudget::new(allowance, now);
            // Most have one, and it is large.
            budgets.reserve_exact(1);
            budgets.push(Kept { pool: payer.pool, kind, budget, asked: now });
            budgets.len() - 1
        });
        let kept = &mut budgets[place];
        kept.asked = kept.asked.max(now);
        kept.budget.withdraw(allowance, now).map(|since| Paid { payer, kind, since })
    }

    /// Takes a payment back: the attempt was not made.
    pub(crate) fn give_back(&self, paid: &Paid) {
        let mut shard = self.shard(paid.payer.tenant).lock();
        let Shard { tenants, shared, .. } = &mut *shard;
        let budgets = tenants.get_mut(&paid.payer.tenant).unwrap_or(shared);
        let same = |kept: &&mut Kept| kept.pool == paid.payer.pool && kept.kind == paid.kind;
        if let Some(kept) = budgets.iter_mut().find(same) {
            kept.budget.give_back(paid.since);
        }
    }

    /// Counts a first attempt of a tenant that has asked for others. `forget` is called, under the lock, when it need not be counted any more.
    pub(crate) fn count(&self, payer: Payer, now: Time, forget: impl FnOnce()) {
        let mut shard = self.shard(payer.tenant).lock();
        let Shard { tenants, shared, .. } = &mut *shard;
        let (budgets, own) = match tenants.get_mut(&payer.tenant) {
            Some(budgets) => (budgets, true),
            None => (shared, false),
        };
        budgets.retain(|kept| !kept.is_forgotten(now));
        for kept in budgets.iter_mut().filter(|kept| kept.pool == payer.pool) {
            kept.budget.deposit(now);
        }
        if budgets.is_empty() {
            if own {
                tenants.remove(&payer.tenant);
            }
            forget();
        }
    }

    /// Whether a tenant could go and come back without gaining anything; then its budgets are gone.
    pub(crate) fn release(&self, tenant: u64, now: Time) -> bool {
        let mut shard = self.shard(tenant).lock();
        let Shard { tenants, shared, .. } = &mut *shard;
        let budgets = tenants.get_mut(&tenant).unwrap_or(shared);
        let at_rest = budgets.iter_mut().all(|kept| kept.budget.is_at_rest(now));
        if at_rest {
            tenants.remove(&tenant);
        }
        at_rest
    }

    fn shard(&self, tenant: u64) -> &Mutex<Shard> {
        let place = usize::try_from(tenant % SHARDS as u64).unwrap_or_default();
        &self.shards[place].0
    }
}

impl Shard {
    /// A tenant's own budgets, or those that are shared where there is no place for it.
    fn budgets_of(&mut self, tenant: u64, now: Time) -> &mut Vec<Kept> {
        if !self.tenants.contains_key(&tenant) && self.tenants.len() >= MOST && !self.make_room(now) {
            return &mut self.shared;
        }
        self.tenants.entry(tenant).or_default()
    }

    /// Forgets whom nobody has asked for; says whether there were any.
    fn make_room(&mut self, now: Time) -> bool {
        if now < self.futile_until {
            return false;
        }
        self.tenants.retain(|_, budgets| {
            budgets.retain(|kept| !kept.is_forgotten(now));
            !budgets.is_empty()
        });
        let last = |budgets: &Vec<Kept>| budgets.iter().map(|kept| kept.asked).max();
        let next = self.tenants.values().filter_map(last).min();
        self.futile_until = next.map_or(now, |asked| asked + FORGOTTEN_AFTER);
        self.tenants.len() < MOST
    }
}

impl Kept {
    /// Whether it has not been asked for longer than anything counts.
    fn is_forgotten(&self, now: Time) -> bool {
        now.since(self.asked) >= FORGOTTEN_AFTER
    }
}

impl Allowances {
    pub(crate) fn new(spec: &PoolSpec) -> Self {
        Self { retry: Allowance::new(&spec.retry()), hedge: Allowance::new(&spec.hedge()) }
    }

    pub(crate) const fn of(&self, kind: Again) -> &Allowance {
        match kind {
            Again::Retry => &self.retry,
            Again::Hedge => &self.hedge,
        }
    }
}

impl AttemptCounts {
    pub(crate) const fn of(&self, kind: Again) -> &Counted {
        match kind {
            Again::Retry => &self.retries,
            Again::Hedge => &self.hedges,
        }
    }
}

impl Counted {
    pub(crate) fn pass(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> AttemptStats {
        AttemptStats {
            passed: self.passed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

const SHARDS: usize = 64;
/// Tenants with budgets of their own in each shard: 16 384 in all.
const MOST: usize = 256;
/// Twice the longest window.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(120);

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::config::AttemptsSpec;

    const POOL: PoolId = PoolId(1);

    fn payer(tenant: u64) -> Payer {
        Payer { tenant, pool: POOL }
    }

    fn second(second: u64) -> Time {
        Time::from_nanos(second * 1_000_000_000)
    }

    /// One retry in any case, and one for each request.
    fn allowance() -> Allowance {
        let spec = AttemptsSpec::none().with_percent(100).with_per_second(1);
        Allowance::new(&spec.with_window(Duration::from_secs(1)))
    }

    fn retries(attempts: &Attempts, tenant: u64, now: Time) -> usize {
        let pay = |_: &u32| attempts.pay(payer(tenant), (Again::Retry, &allowance()), now, || {}).is_ok();
        (0..1_000).take_while(pay).count()
    }

    #[test]
    fn beyond_the_bound_tenants_share_one_budget_until_there_is_room() {
        let attempts = Attempts::default();
        // All in one shard.
        let key = |number: usize| (number * SHARDS) as u64;
        for number in 0..MOST {
            assert_eq!(retries(&attempts, key(number), second(0)), 1);
        }
        assert_eq!(retries(&attempts, key(MOST), second(0)), 1);
        assert_eq!(retries(&attempts, key(MOST + 1), second(0)), 0, "the shared one is spent");
        attempts.count(payer(key(MOST + 1)), second(0), || unreachable!("the shared budget is in use"));
        assert_eq!(retries(&attempts, key(MOST), second(0)), 1, "requests of one pay for the other");
        assert_eq!(attempts.shards[0].0.lock().tenants.len(), MOST);
        assert_eq!(retries(&attempts, 1, second(0)), 1, "other shards have room");
        let later = second(120);
        assert_eq!(retries(&attempts, key(MOST), later), 1);
        assert_eq!(retries(&attempts, key(MOST + 1), later), 1, "each its own");
        assert_eq!(attempts.shards[0].0.lock().tenants.len(), 2);
    }

    #[test]
    fn whoever_asks_no_more_is_forgotten_and_counted_no_more() {
        let (attempts, forgotten) = (Attempts::default(), Cell::new(false));
        assert_eq!(retries(&attempts, 7, second(0)), 1);
        attempts.count(payer(7), second(119), || forgotten.set(true));
        assert!(!forgotten.get());
        attempts.count(payer(7), second(120), || forgotten.set(true));
        assert!(forgotten.get() && attempts.shards[7].0.lock().tenants.is_empty());
    }

    #[test]
    fn nobody_goes_and_comes_back_with_a_new_reserve() {
        let attempts = Attempts::default();
        assert!(attempts.release(7, second(0)), "it has no budget");
        assert_eq!(retries(&attempts, 7, second(0)), 1);
        assert!(!attempts.release(7, second(1)));
        assert!(attempts.release(7, second(2)));
        assert!(attempts.shards[7].0.lock().tenants.is_empty());
    }

    #[test]
    fn retries_hedges_and_pools_have_budgets_of_their_own() {
        let attempts = Attempts::default();
        let pay = |pool, kind| {
            attempts.pay(Payer { tenant: 7, pool }, (kind, &allowance()), second(0), || {}).is_ok()
        };
        for (pool, kind) in [(POOL, Again::Retry), (POOL, Again::Hedge), (PoolId(2), Again::Retry)] {
            assert!(pay(pool, kind) && !pay(pool, kind));
        }
    }
}

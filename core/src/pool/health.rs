//! What a pool knows of its endpoints' health together: how many are left out, how many more may be, and who decides.

use std::{sync::Arc, time::Duration};

use super::{
    checks::Checks,
    comparing::Progress,
    tier::{Tier, share},
    tier_parts::{Availability, TierRules},
};
use crate::{
    condition::HealthOverride,
    endpoint::{Endpoint, Member},
    event::{Event, Events, millis},
    pool::Pool,
    sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering},
    time::Time,
};

/// Survives updates, as the endpoints' own state does.
#[derive(Debug)]
pub(crate) struct PoolHealth {
    /// Endpoints of whose health there is anything to say. Written only under `newest`; read by picks, to skip judging when it is 0.
    unhealthy: AtomicU32,
    /// Those that are ejected and not yet on probation: what the bound on ejections counts. Written as `unhealthy` is.
    ejected: AtomicU32,
    /// The most endpoints that may be left out at once.
    most_ejected: AtomicU32,
    /// The nanosecond at which time alone changes something next, as last counted: then tiers share the traffic anew.
    next_change: AtomicU64,
    /// The nanosecond from which on all endpoints are warm.
    warm_from: AtomicU64,
    /// Whether some endpoint has told of limits of its own, ever.
    told: AtomicBool,
    /// The pool's newest list, which is what counts, whichever edition a request began with. Held while an endpoint's
    /// health changes: rare, and never waited for by a pick.
    newest: Mutex<Newest>,
    /// The nanosecond at which the next health check is due; the last there is where nobody is checked. Written under `newest`.
    pub(super) next_check: AtomicU64,
    /// How far the comparison of its endpoints has come.
    pub(super) comparing: Progress,
    pub(super) events: Arc<Events>,
}

/// What counts.
#[derive(Debug)]
pub(super) struct Newest {
    members: Arc<[Member]>,
    tiers: Arc<[Tier]>,
    rules: TierRules,
    pub(super) checks: Option<Checks>,
}

/// What was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    pub(super) ejected: u32,
    /// Those that serve, or may be tried.
    pub(super) available: u32,
    /// Those of them that are not degraded.
    pub(super) healthy: u32,
}

impl PoolHealth {
    pub(super) fn new(events: &Arc<Events>) -> Self {
        Self {
            unhealthy: AtomicU32::new(0),
            ejected: AtomicU32::new(0),
            most_ejected: AtomicU32::new(0),
            next_change: AtomicU64::new(u64::MAX),
            warm_from: AtomicU64::new(0),
            told: AtomicBool::new(false),
            newest: Mutex::default(),
            next_check: AtomicU64::new(u64::MAX),
            comparing: Progress::default(),
            events: Arc::clone(events),
        }
    }

    /// Endpoints of whose health there is anything to say.
    pub(super) fn unhealthy(&self) -> u32 {
        self.unhealthy.load(Ordering::Relaxed)
    }

    /// Whether some endpoint has told of limits of its own.
    pub(super) fn has_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Remembers that one has.
    pub(super) fn note_told(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    /// The newest list, while its health changes.
    pub(super) fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock()
    }

    /// Tells whoever asks.
    pub(super) fn tell(&self, event: Event) {
        self.events.add(event);
    }

    /// The most endpoints that may be left out at once.
    pub(super) fn most_ejected(&self) -> u32 {
        self.most_ejected.load(Ordering::Relaxed)
    }

    /// Whether the bound on ejections has room, as last counted.
    pub(super) fn may_eject(&self) -> bool {
        self.ejected.load(Ordering::Relaxed) < self.most_ejected()
    }

    /// When time alone changes something next, as last counted.
    pub(super) fn next_change(&self) -> Time {
        Time::from_nanos(self.next_change.load(Ordering::Relaxed))
    }

    /// Whether some endpoint may still be warming up.
    pub(super) fn is_warming(&self, now: Time) -> bool {
        now.as_nanos() < self.warm_from.load(Ordering::Relaxed)
    }

    /// Before a pick: a probation begins, or a time of rest ends, by time alone. Nobody waits for it.
    pub(super) fn look_again(&self, now: Time) {
        if now >= self.next_change()
            && let Some(newest) = self.newest.try_lock()
        {
            self.count(&newest, now);
        }
    }

    pub(super) fn warms_until(&self, end: Time) {
        self.warm_from.fetch_max(end.as_nanos(), Ordering::Relaxed);
    }

    /// After checks have `changed` somebody's health, or not: counts anew where that is due. In a large pool many may change at once, and then they are counted together, a little later: by the next
    /// check, or the next pick. Says whether it was done.
    pub(super) fn count_soon(&self, newest: &Newest, changed: bool, now: Time) -> bool {
        let at_once = changed && (newest.members.len() <= LARGE || self.unhealthy() == 0);
        let due = at_once || now >= self.next_change();
        if due {
            self.count(newest, now);
        } else if changed {
            self.next_change.fetch_min((now + TOGETHER).as_nanos(), Ordering::Relaxed);
        }
        due
    }

    /// Counts anew, so that no drift can build up, and shares the traffic among the tiers.
    pub(super) fn count(&self, newest: &Newest, now: Time) -> Tally {
        let counted = share(&newest.tiers, &newest.members, &newest.rules, now);
        let next_change = counted.next_change.map_or(u64::MAX, Time::as_nanos);
        self.unhealthy.store(counted.unhealthy, Ordering::Relaxed);
        self.ejected.store(counted.ejected, Ordering::Relaxed);
        self.next_change.store(next_change, Ordering::Relaxed);
        let Availability { healthy, degraded, .. } = counted.there;
        Tally { ejected: counted.ejected, available: healthy + degraded, healthy }
    }
}

impl Newest {
    /// All that are listed.
    pub(super) fn members(&self) -> &Arc<[Member]> {
        &self.members
    }

    /// Those that serve.
    pub(super) fn serving(&self) -> impl Iterator<Item = &Member> {
        self.tiers.iter().flat_map(|tier| tier.members(&self.members))
    }
}

impl Default for Newest {
    fn default() -> Self {
        Self {
            members: Arc::default(),
            tiers: Arc::default(),
            rules: TierRules { overprovisioning: 100, panic: 0 },
            checks: None,
        }
    }
}

impl Pool {
    /// Counts health anew, after something has changed it.
    pub(super) fn review(&self, now: Time) {
        let newest = self.health.newest.lock();
        self.health.count(&newest, now);
    }

    /// An operator's word on one of its endpoints, or the end of it.
    pub(crate) fn override_health(
        &self,
        endpoint: &Endpoint,
        to: Option<(HealthOverride, Option<Duration>)>,
        now: Time,
    ) {
        {
            let newest = self.health.newest();
            endpoint.health().set_override(to, now);
            self.health.count(&newest, now);
        }
        self.health.events.add(Event::HealthOverridden {
            pool: self.name.to_string(),
            endpoint: endpoint.address().to_owned(),
            to: to.map(|(kind, _)| kind),
            for_ms: to.and_then(|(_, time)| time).map(millis),
        });
    }

    /// Makes this edition's list the one that counts. Just before it is published, when nothing can refuse it any more.
    pub(crate) fn take_over(&self, now: Time) {
        self.members.iter().for_each(|member| member.adopt_quotas(now));
        let mut newest = self.health.newest.lock();
        let checks = self.follow_checks(&mut newest, now);
        *newest = Newest {
            members: Arc::clone(&self.members),
            tiers: Arc::clone(&self.tiers),
            rules: self.tier_rules,
            checks,
        };
        self.health.most_ejected.store(self.most_ejected, Ordering::Relaxed);
        self.plan_comparison(now);
        if let Some(slow_start) = &self.slow_start {
            let since = self.members.iter().map(|member| member.endpoint().serves_since());
            if let Some(last) = since.max().filter(|&last| last > Time::ZERO) {
                self.health.warms_until(slow_start.ends(last));
            }
        }
        self.health.count(&newest, now);
    }
}

/// Endpoints beyond which changes are counted together.
const LARGE: usize = 500;
/// Within so long: what a pick may be late in seeing that a tier spills over, or, where others serve, that somebody is back.
const TOGETHER: Duration = Duration::from_millis(10);

/// The most of `count` endpoints that may be ejected: `percent` of them, at least one where there is one too many, and never one of the last `min_available`.
pub(super) fn most_ejected(count: usize, percent: u32, min_available: u32) -> u32 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let share = u32::try_from(u64::from(count) * u64::from(percent) / 100).unwrap_or(u32::MAX);
    let at_least = u32::from(percent > 0);
    share.max(at_least).min(count.saturating_sub(min_available))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Envoy ejects nobody of fewer than ten at its default of 10 %, unless it is told to eject one always; gRFC A50 always ejects one, and of a single endpoint also that.
    #[test]
    fn small_pools_may_lose_one_and_never_the_last() {
        let most = |count, percent, min_available| most_ejected(count, percent, min_available);
        assert_eq!(
            [0, 1, 2, 5, 9, 10, 19, 20, 100].map(|count| most(count, 10, 1)),
            [0, 0, 1, 1, 1, 1, 1, 2, 10]
        );
        assert_eq!([1, 5, 9, 10].map(|count| most(count, 100, 1)), [0, 4, 8, 9]);
        assert_eq!([1, 5, 9, 10].map(|count| most(count, 50, 8)), [0, 0, 1, 2]);
        assert_eq!([1, 5, 9, 10].map(|count| most(count, 0, 1)), [0; 4]);
    }
}

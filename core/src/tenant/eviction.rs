//! Evicting made tenants that have gone idle, without timers: newcomers move a clock hand over the made tenants, a few of them each.
//!
//! Evicted is who has asked for nothing for a while, has nothing inside, and whose quotas and retry budgets are full again: so coming back as a newcomer
//! gains nobody anything, and debt is kept until it has drained. Source of the hand: Corbató's CLOCK (1968). *Where we differ*: instead of a bit that
//! every request sets, the hand compares the tenant's counts with those it saw the last time round, which costs the request nothing.

use std::{collections::HashSet, time::Duration};

use super::{
    Directory, Entry, Registry, Slab, Tenant,
    directory::{MOST_SLOTS, Unknown},
};
use crate::{
    limit::{Buckets, Moment, Quota},
    sync::Ordering,
    time::{Time, nanos},
};

/// The made tenants of the directory in force, and which of them the hand points to.
#[derive(Debug, Default)]
pub(super) struct Hand {
    made: Vec<Made>,
    /// A bit for every slot whose tenant is made: who has been configured since is still before the hand until that passes.
    is_made: Vec<u64>,
    at: usize,
    /// Whether anybody was evicted since the hand was last at the start.
    fruitful: bool,
}

/// A made tenant as the hand last saw it.
#[derive(Debug)]
struct Made {
    /// `low bits of its generation << 24 | slot`.
    occupant: u32,
    /// The tenant's counts, wrapped.
    activity: u32,
    /// Since when they have been so: milliseconds of uptime, wrapped.
    since: u32,
}

impl Hand {
    /// Puts a tenant before the hand.
    pub(super) fn add(&mut self, slot: u32, slab: &Slab, now: Time) {
        self.made.push(Made::new(slot, slab, now));
        let (word, bit) = place(slot);
        if word >= self.is_made.len() {
            self.is_made.resize(word + 1, 0);
        }
        self.is_made[word] |= bit;
    }

    /// Whether the tenant in a slot is made.
    pub(super) fn has(&self, slot: u32) -> bool {
        let (word, bit) = place(slot);
        self.is_made.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// The tenant in a slot is made no longer. Says whether it was.
    pub(super) fn dismiss(&mut self, slot: u32) -> bool {
        let was = self.has(slot);
        let (word, bit) = place(slot);
        if was {
            self.is_made[word] &= !bit;
        }
        was
    }

    /// Another directory's made tenants: what is known of those who stay is kept.
    pub(super) fn follow(&mut self, mut slots: HashSet<u32>, slab: &Slab, now: Time) {
        let mut made = std::mem::take(&mut self.made);
        made.retain(|made| self.is_current(made, slab) && slots.remove(&made.slot()));
        self.is_made.fill(0);
        for known in &made {
            let (word, bit) = place(known.slot());
            self.is_made[word] |= bit;
        }
        self.made = made;
        slots.into_iter().for_each(|slot| self.add(slot, slab, now));
        self.at = 0;
    }

    /// Whether it is still the made tenant that it was.
    fn is_current(&self, made: &Made, slab: &Slab) -> bool {
        self.has(made.slot()) && made.occupant == occupant(made.slot(), slab)
    }

    /// Takes the tenant that it points to from before it.
    fn pass_over(&mut self) -> Lap {
        self.made.swap_remove(self.at);
        self.wrap()
    }

    fn advance(&mut self) -> Lap {
        self.at += 1;
        self.wrap()
    }

    fn wrap(&mut self) -> Lap {
        if self.at < self.made.len() {
            return Lap::Under;
        }
        self.at = 0;
        if std::mem::take(&mut self.fruitful) { Lap::Under } else { Lap::Fruitless }
    }
}

impl Made {
    fn new(slot: u32, slab: &Slab, now: Time) -> Self {
        let activity = slab.get(slot).activity();
        Self { occupant: occupant(slot, slab), activity, since: millis(now) }
    }

    const fn slot(&self) -> u32 {
        self.occupant & MOST_SLOTS
    }
}

fn occupant(slot: u32, slab: &Slab) -> u32 {
    slab.get(slot).generation() << SLOT_BITS | slot
}

/// Word and bit of a slot.
const fn place(slot: u32) -> (usize, u64) {
    ((slot / 64) as usize, 1 << (slot % 64))
}

/// How the hand's way around stands.
#[derive(PartialEq, Eq)]
enum Lap {
    Under,
    /// It has come around without evicting anybody.
    Fruitless,
}

impl Directory {
    /// Whether newcomers past the bound had better not look for idle tenants yet.
    pub(crate) fn is_sweep_futile(&self, now: Time) -> bool {
        now.as_nanos() < self.sweep_from.load(Ordering::Relaxed)
    }

    /// Looks at the next few made tenants and evicts the idle ones. The registry's lock is held.
    pub(super) fn sweep(&self, registry: &mut Registry, slab: &Slab, moment: &Moment) {
        let now = moment.uptime;
        let Unknown::Made { terms, idle, most, .. } = self.unknown else { return };
        let quotas = self.terms.get(terms).limits().quotas();
        for _ in 0..AT_ONCE.min(registry.hand.made.len()) {
            let Made { activity, .. } = registry.hand.made[registry.hand.at];
            let slot = registry.hand.made[registry.hand.at].slot();
            let lap = if !registry.hand.is_current(&registry.hand.made[registry.hand.at], slab) {
                registry.hand.pass_over()
            } else if registry.hand.is_idle(idle, slab, now)
                && registry
                    .vacate_as_new((slot, quotas), slab, moment, |tenant| tenant.activity() == activity)
            {
                registry.hand.dismiss(slot);
                registry.hand.fruitful = true;
                let lap = registry.hand.pass_over();
                self.remove(slot, registry, slab);
                self.made.fetch_sub(1, Ordering::Relaxed);
                registry.release(slot);
                lap
            } else {
                registry.hand.advance()
            };
            if lap == Lap::Fruitless && self.made.load(Ordering::Relaxed) >= most {
                // Nobody becomes idle much sooner.
                let later = now.as_nanos().saturating_add(nanos(idle) / FUTILE_SHARE);
                self.sweep_from.store(later, Ordering::Relaxed);
                return;
            }
        }
    }
}

impl Registry {
    /// Ends an occupant's time if it is as a newcomer would be, so that coming back gains it nothing.
    pub(super) fn vacate_as_new(
        &self,
        (slot, quotas): (u32, &[Quota]),
        slab: &Slab,
        moment: &Moment,
        is_right: impl FnOnce(&Tenant<'_>) -> bool,
    ) -> bool {
        let generation = slab.get(slot).generation();
        let is_unmetered =
            || self.kept.meters.try_get(slot).is_none_or(|meter| meter.is_clear(generation, moment));
        let is_paid = |tenant: &Tenant<'_>| {
            !tenant.retries() || self.kept.attempts.release(Entry { slot, generation }.key(), moment.uptime)
        };
        slab.get(slot).vacate_if(&self.kept.visits, |tenant| {
            is_right(tenant) && tenant.is_full(quotas, moment.uptime) && is_unmetered() && is_paid(tenant)
        })
    }
}

impl Hand {
    /// Whether the tenant that the hand points to has asked for nothing for so long.
    fn is_idle(&mut self, idle: Duration, slab: &Slab, now: Time) -> bool {
        let made = &mut self.made[self.at];
        let tenant = slab.get(made.slot());
        let activity = tenant.activity();
        if activity != made.activity || tenant.is_occupied() {
            (made.activity, made.since) = (activity, millis(now));
        }
        Duration::from_millis(u64::from(millis(now).wrapping_sub(made.since))) >= idle
    }
}

impl Tenant<'_> {
    /// Counts everything that it asks for, wrapped.
    #[expect(clippy::cast_possible_truncation, reason = "a change is looked for, not an amount")]
    fn activity(&self) -> u32 {
        self.completed().wrapping_add(self.rejected()) as u32
    }

    /// Whether all that it may use of these is there.
    fn is_full(&self, quotas: &[Quota], now: Time) -> bool {
        quotas.iter().zip(self.all()).all(|(_, bucket)| bucket.is_full(now))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it wraps")]
const fn millis(now: Time) -> u32 {
    (now.as_nanos() / 1_000_000) as u32
}

const SLOT_BITS: u32 = MOST_SLOTS.count_ones();
/// How many the hand passes for one newcomer.
const AT_ONCE: usize = 8;
/// After a fruitless lap the hand rests for this part of the idle time.
const FUTILE_SHARE: u64 = 4;

//! Evicting made tenants that have gone idle, without timers: newcomers move a clock hand over the made tenants, a few of them each.
//!
//! Evicted is who has asked for nothing for a while, has nothing inside, and whose quotas are full again: so coming back as a newcomer
//! gains nobody anything, and debt is kept until it has drained. Source of the hand: Corbató's CLOCK (1968). *Where we differ*: instead of a bit that
//! every request sets, the hand compares the tenant's counts with those it saw the last time round, which costs the request nothing.

use std::{collections::HashSet, time::Duration};

use super::{Directory, Registry, Slab, Tenant, directory::Unknown};
use crate::{
    limit::{Moment, Quota},
    sync::Ordering,
    time::{Time, nanos},
};

/// The made tenants of the directory in force, and which of them the hand points to.
#[derive(Debug, Default)]
pub(super) struct Hand {
    made: Vec<Made>,
    at: usize,
    /// Whether anybody was evicted since the hand was last at the start.
    fruitful: bool,
}

/// A made tenant as the hand last saw it.
#[derive(Debug)]
struct Made {
    slot: u32,
    /// The tenant's counts, wrapped.
    activity: u32,
    /// Since when they have been so: milliseconds of uptime, wrapped.
    since: u32,
}

impl Hand {
    /// Puts a tenant before the hand.
    pub(super) fn add(&mut self, slot: u32, slab: &Slab, now: Time) {
        self.made.push(Made { slot, activity: slab.get(slot).activity(), since: millis(now) });
    }

    /// Another directory's made tenants: what is known of those who stay is kept.
    pub(super) fn follow(&mut self, mut slots: HashSet<u32>, slab: &Slab, now: Time) {
        self.made.retain(|made| slots.remove(&made.slot));
        slots.into_iter().for_each(|slot| self.add(slot, slab, now));
        self.at = 0;
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
        let quotas = self.terms[terms as usize].limits().quotas();
        for _ in 0..AT_ONCE.min(registry.hand.made.len()) {
            let hand = &mut registry.hand;
            let made = &mut hand.made[hand.at];
            let (slot, tenant) = (made.slot, slab.get(made.slot));
            let activity = tenant.activity();
            if activity != made.activity || tenant.is_occupied() {
                (made.activity, made.since) = (activity, millis(now));
            }
            let (generation, meters) = (tenant.generation(), &registry.meters);
            let unmetered = || meters.try_get(slot).is_none_or(|meter| meter.is_clear(generation, moment));
            let rested = Duration::from_millis(u64::from(millis(now).wrapping_sub(made.since))) >= idle;
            let lap = if rested
                && tenant.vacate_if(|tenant| tenant.is_as_new(activity, quotas, now) && unmetered())
            {
                hand.made.swap_remove(hand.at);
                hand.fruitful = true;
                let lap = hand.wrap();
                self.remove(slot, registry, slab);
                registry.release(slot);
                lap
            } else {
                hand.advance()
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

impl Tenant {
    /// Counts everything that it asks for, wrapped.
    #[expect(clippy::cast_possible_truncation, reason = "a change is looked for, not an amount")]
    fn activity(&self) -> u32 {
        self.completed().wrapping_add(self.rejected()) as u32
    }

    /// Whether it is as a newcomer would be.
    fn is_as_new(&self, activity: u32, quotas: &[Quota], now: Time) -> bool {
        let full = quotas.iter().zip(self.buckets()).all(|(_, bucket)| bucket.is_full(now));
        full && self.activity() == activity
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it wraps")]
const fn millis(now: Time) -> u32 {
    (now.as_nanos() / 1_000_000) as u32
}

/// How many the hand passes for one newcomer.
const AT_ONCE: usize = 8;
/// After a fruitless lap the hand rests for this part of the idle time.
const FUTILE_SHARE: u64 = 4;

//! The most active tenants of one pool.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

use foldhash::fast::RandomState;
use tenantry::Rejection;

use super::counts::{Counts, End};
use crate::tenant::TenantId;

/// Misra and Gries' *frequent items* with a hand, as caches have it: whoever has a place gains a credit with each of its requests, at most [`MOST_CREDIT`]; a request of
/// somebody who has none takes a credit from the place where the hand is, or the place itself where no credit is left. So whoever sends more often than one in
/// [`MOST_TENANTS`] of the requests of strangers keeps its place, however many ids somebody invents.
///
/// Who comes anew begins at 0, as after a restart; what strangers do counts as others'. So does what comes under an id that is nobody's: the core knows none that is empty or
/// longer than [`LONGEST_ID`] bytes, and none by the names of sums, which would stand there twice.
#[derive(Debug, Default)]
pub(super) struct Busiest {
    tenants: RwLock<Places>,
    /// Whoever has no place.
    pub(super) others: Arc<Counts>,
    /// Everybody.
    pub(super) all: Counts,
}

#[derive(Debug, Default)]
struct Places {
    by_id: HashMap<TenantId, usize, RandomState>,
    places: Vec<Place>,
    hand: usize,
}

#[derive(Debug)]
struct Place {
    tenant: TenantId,
    counts: Arc<Counts>,
    credit: AtomicU32,
}

impl Busiest {
    /// Where to count a request of this tenant.
    fn of(&self, tenant: &TenantId) -> Arc<Counts> {
        if !is_anybodys(tenant.as_str()) {
            return Arc::clone(&self.others);
        }
        if let Some(place) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).find(tenant) {
            return Arc::clone(&place.counts);
        }
        // Where somebody else has the lock this one is a stranger: a flood of ids waits for nothing.
        let Ok(mut places) = self.tenants.try_write() else { return Arc::clone(&self.others) };
        places.enter(tenant).unwrap_or_else(|| Arc::clone(&self.others))
    }

    /// The same, now that it is known how it ended: whoever is unknown takes no place from anybody.
    pub(super) fn of_end(&self, tenant: &TenantId, end: End) -> Arc<Counts> {
        match end {
            End::Rejection(Rejection::UnknownTenant) => Arc::clone(&self.others),
            _ => self.of(tenant),
        }
    }

    /// Those with a place, by id.
    pub(super) fn tenants(&self) -> Vec<(TenantId, Arc<Counts>)> {
        let places = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let each = |place: &Place| (place.tenant.clone(), Arc::clone(&place.counts));
        let mut tenants: Vec<_> = places.places.iter().map(each).collect();
        tenants.sort_by(|one, other| one.0.cmp(&other.0));
        tenants
    }
}

impl Places {
    fn find(&self, tenant: &TenantId) -> Option<&Place> {
        let place = &self.places[*self.by_id.get(tenant)?];
        let credit = place.credit.load(Ordering::Relaxed);
        // Credits of threads that come together may be lost: it is an estimate.
        place.credit.store((credit + 1).min(MOST_CREDIT), Ordering::Relaxed);
        Some(place)
    }

    fn enter(&mut self, tenant: &TenantId) -> Option<Arc<Counts>> {
        // Somebody may have been quicker.
        if let Some(place) = self.find(tenant) {
            return Some(Arc::clone(&place.counts));
        }
        let newcomer = Place { tenant: tenant.clone(), counts: Arc::default(), credit: AtomicU32::new(1) };
        let counts = Arc::clone(&newcomer.counts);
        if self.places.len() < MOST_TENANTS {
            self.by_id.insert(tenant.clone(), self.places.len());
            self.places.push(newcomer);
            return Some(counts);
        }
        let at = self.hand;
        self.hand = (at + 1) % MOST_TENANTS;
        let credit = self.places[at].credit.get_mut();
        if *credit > 0 {
            *credit -= 1;
            return None;
        }
        self.by_id.remove(&self.places[at].tenant);
        self.by_id.insert(tenant.clone(), at);
        self.places[at] = newcomer;
        Some(counts)
    }
}

/// Whether a tenant can have this id.
fn is_anybodys(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id != OTHERS && id != OVERFLOW
}

/// What statistics call all those without figures of their own.
pub(super) const OTHERS: &str = "(other)";
/// What statistics call the tenant that newcomers past the bound share.
const OVERFLOW: &str = "(overflow)";
/// In bytes, as the core has it.
const LONGEST_ID: usize = 255;
/// How many tenants of a pool have figures of their own.
pub const MOST_TENANTS: usize = 100;
const MOST_CREDIT: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: usize) -> TenantId {
        TenantId::new(format!("tenant-{number}"))
    }

    #[test]
    fn who_is_busy_keeps_its_place_among_any_number_of_ids_and_who_is_not_gives_way() {
        let busiest = Busiest::default();
        let counts = busiest.of(&tenant(0));
        for number in 1..50_000 {
            busiest.of(&tenant(number));
            if number % 50 == 0 {
                assert!(Arc::ptr_eq(&busiest.of(&tenant(0)), &counts), "{number}");
            }
        }
        let tenants = busiest.tenants();
        assert_eq!(tenants.len(), MOST_TENANTS);
        assert!(tenants.iter().any(|(id, _)| *id == tenant(0)));
        assert!(!tenants.iter().any(|(id, _)| *id == tenant(1)), "it came once, long ago");
    }

    #[test]
    fn a_stranger_counts_as_others() {
        let busiest = Busiest::default();
        (0..MOST_TENANTS).for_each(|number| drop(busiest.of(&tenant(number))));
        assert!(Arc::ptr_eq(&busiest.of(&tenant(MOST_TENANTS)), &busiest.others));
    }

    #[test]
    fn an_id_that_is_nobodys_counts_as_others() {
        let busiest = Busiest::default();
        for id in ["", OTHERS, OVERFLOW, &"x".repeat(LONGEST_ID + 1)] {
            assert!(Arc::ptr_eq(&busiest.of(&TenantId::new(id)), &busiest.others), "{id}");
        }
        assert!(busiest.tenants().is_empty());
        busiest.of(&TenantId::new("x".repeat(LONGEST_ID)));
        assert_eq!(busiest.tenants().len(), 1);
    }
}

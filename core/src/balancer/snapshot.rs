//! The snapshot: everything that an update replaces, immutable, swapped as a whole.

use std::{collections::HashMap, sync::Arc, time::Duration};

use foldhash::fast::RandomState;

use crate::{
    admission::{Admission, Capacity, QueueLimits, Sample},
    config::CapacitySpec,
    outcome::OutcomeKind,
    pool::{Pool, PoolId},
    rejection::Rejection,
    tenant::Directory,
    time::Time,
};

/// One edition of the configuration, in the form that decisions read.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) directory: Directory,
    /// By pool id.
    pub(super) services: Arc<[Service]>,
    /// Places in `services`, by pool name.
    pub(super) by_name: Arc<HashMap<Box<str>, usize, RandomState>>,
    /// What is counted beside requests and cost.
    pub(super) dimensions: Arc<[String]>,
}

/// A pool with its gate: what one edition says of it, and the parts that live across editions.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) pool: Pool,
    pub(super) admission: Arc<Admission>,
    pub(super) capacity: Capacity,
    pub(super) capacity_spec: CapacitySpec,
    /// Counts the pool's capacity rules; the newest is in force.
    pub(super) rule: u32,
    pub(super) limits: QueueLimits,
}

impl Snapshot {
    pub(super) fn empty() -> Self {
        Self {
            directory: Directory::empty(),
            services: Arc::default(),
            by_name: Arc::default(),
            dimensions: Arc::default(),
        }
    }

    /// The same with other tenants.
    pub(super) fn with_directory(&self, directory: Directory) -> Self {
        Self {
            directory,
            services: Arc::clone(&self.services),
            by_name: Arc::clone(&self.by_name),
            dimensions: Arc::clone(&self.dimensions),
        }
    }

    /// Whether all of these are dimensions.
    #[inline]
    pub(super) fn check_dimensions<'a>(
        &self,
        mut names: impl Iterator<Item = &'a str>,
    ) -> Result<(), Rejection> {
        let known = |name: &str| self.dimensions.iter().any(|known| known == name);
        if names.all(known) { Ok(()) } else { Err(Rejection::UnknownDimension) }
    }

    /// The pool of this name, or the only one.
    #[inline]
    pub(super) fn service(&self, name: Option<&str>) -> Result<&Service, Rejection> {
        let service = match (name, &*self.services) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), _) => self.named(name),
        };
        service.ok_or(Rejection::UnknownPool)
    }

    #[inline]
    pub(super) fn named(&self, name: &str) -> Option<&Service> {
        self.by_name.get(name).map(|&place| &self.services[place])
    }

    /// The pool with this id, unless it has been removed.
    #[inline]
    pub(super) fn service_of(&self, id: PoolId) -> Option<&Service> {
        let place = self.services.binary_search_by_key(&id, |service| service.pool.id()).ok()?;
        Some(&self.services[place])
    }
}

impl Service {
    /// Teaches the capacity's rule; says whether there are other seats to set.
    #[inline]
    pub(super) fn learn_capacity(&self, kind: OutcomeKind, latency: Duration, now: Time) -> bool {
        if self.capacity.is_fixed() {
            return false;
        }
        let sample = Sample { latency, taken: self.admission.taken(), now };
        self.capacity.learn(kind, &sample).is_some()
    }

    /// Before somebody is refused or waits: an ejection ends by time alone, and nobody may have looked since. Says whether there may
    /// be other seats now.
    #[cold]
    pub(super) fn look_again(&self, now: Time) -> bool {
        let returned = self.pool.has_returned(now);
        if returned {
            self.set_seats(now);
        }
        returned
    }

    /// Puts the seats of the moment in force: as the rule says, but never more than the endpoints can take.
    pub(super) fn set_seats(&self, now: Time) {
        let bound = self.pool.bound(now).unwrap_or(u32::MAX);
        self.admission.set_capacity(self.rule, self.capacity.seats().min(bound), now);
    }
}

//! The snapshot: everything that an update replaces, immutable, swapped as a whole.

use std::{collections::HashMap, sync::Arc, time::Duration};

use foldhash::fast::RandomState;

use super::rejections::Rejections;
use crate::{
    admission::{Admission, Allowances, AttemptCounts, Capacity, QueueLimits, Sample},
    affinity::TokenKeys,
    config::PoolSpec,
    outcome::OutcomeKind,
    pool::{Pool, PoolId, Wants},
    rejection::Rejection,
    request::Request,
    tenant::{Directory, Entry},
    time::Time,
};

/// One edition of the configuration, in the form that decisions read.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) directory: Arc<Directory>,
    /// By pool id.
    pub(super) services: Arc<[Arc<Service>]>,
    /// Places in `services`, by pool name.
    pub(super) by_name: Arc<HashMap<Box<str>, usize, RandomState>>,
    /// What is counted beside requests and cost.
    pub(super) dimensions: Arc<[String]>,
    /// What session tokens are signed with.
    pub(super) token_keys: Arc<TokenKeys>,
}

/// A pool with its gate: what one edition says of it, and the parts that live across editions.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) pool: Arc<Pool>,
    pub(super) admission: Arc<Admission>,
    pub(super) capacity: Capacity,
    pub(super) spec: PoolSpec,
    /// Counts the pool's editions: the newest one's seats are in force.
    pub(super) edition: u32,
    pub(super) limits: QueueLimits,
    pub(super) allowances: Allowances,
    pub(super) attempts: Arc<AttemptCounts>,
    pub(super) rejections: Arc<Rejections>,
    /// Whose it is.
    pub(super) owner: Option<Entry>,
}

impl Snapshot {
    pub(super) fn empty() -> Self {
        Self {
            directory: Arc::new(Directory::empty()),
            services: Arc::default(),
            by_name: Arc::default(),
            dimensions: Arc::default(),
            token_keys: Arc::default(),
        }
    }

    /// The same with other tenants.
    pub(super) fn with_directory(&self, directory: Directory) -> Self {
        Self { directory: Arc::new(directory), ..self.clone() }
    }

    /// The same with one pool in another edition.
    pub(super) fn with_service(&self, next: &Arc<Service>) -> Self {
        let mut services = Arc::clone(&self.services);
        let editions = Arc::make_mut(&mut services).iter_mut();
        for known in editions.filter(|known| known.pool.id() == next.pool.id()) {
            *known = Arc::clone(next);
        }
        Self { services, ..self.clone() }
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
            (None, [only]) => Some(&**only),
            (None, _) => None,
            (Some(name), _) => self.named(name),
        };
        service.ok_or(Rejection::UnknownPool)
    }

    #[inline]
    pub(super) fn named(&self, name: &str) -> Option<&Service> {
        self.by_name.get(name).map(|&place| &*self.services[place])
    }

    /// A pool has refused: asks those that serve in its place, in turn. Where none does, that is the answer.
    #[cold]
    #[inline(never)]
    pub(super) fn fall_back<T>(
        &self,
        service: &Service,
        rejection: Rejection,
        mut decide: impl FnMut(&Service) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        if !rejection.is_of_the_pool() {
            return Err(rejection);
        }
        let next = |service: &&Service| self.named(service.spec.fallback()?);
        for service in std::iter::successors(next(&service), next) {
            match decide(service) {
                Err(refused) if refused.is_of_the_pool() || refused == Rejection::PoolForbidden => {}
                decided => return decided,
            }
        }
        Err(rejection)
    }

    /// Whether a pool that its tenant may not use is where a request's way ends: it was asked for, or nobody serves in its place. Any other is left out.
    #[cold]
    pub(super) fn is_final(&self, service: &Service, request: &Request<'_>) -> bool {
        let is_asked =
            || self.service(request.pool_name()).is_ok_and(|asked| asked.pool.id() == service.pool.id());
        service.spec.fallback().is_none() || is_asked()
    }

    /// The pool with this id, unless it has been removed.
    #[inline]
    pub(super) fn service_of(&self, id: PoolId) -> Option<&Service> {
        let place = self.services.binary_search_by_key(&id, |service| service.pool.id()).ok()?;
        Some(&self.services[place])
    }
}

impl Service {
    /// Counts a refusal.
    #[inline(always)]
    pub(super) fn counted<T>(&self, decided: Result<T, Rejection>) -> Result<T, Rejection> {
        decided.inspect_err(|rejection| self.rejections.count(rejection))
    }

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

    /// Why a request that does not wait got no seat.
    #[cold]
    pub(super) fn why_full(&self, width: u32, wants: &Wants<'_>, now: Time) -> Rejection {
        if !self.pool.is_limited() || !self.admission.has_free_seats(width) {
            return self.why_closed(width, false, now).unwrap_or(Rejection::Saturated);
        }
        // Seats are free: others wait for the same endpoints to return.
        let outlook = self.pool.outlook(wants, now);
        let spent = || outlook.is_spent().then(|| outlook.rejection(now)).flatten();
        outlook.never().or_else(spent).unwrap_or(Rejection::Saturated)
    }

    /// Why it is no use to wait for a seat, where endpoints have caps and none of them serves.
    #[inline]
    pub(super) fn why_closed(&self, width: u32, has_fallback: bool, now: Time) -> Option<Rejection> {
        if !self.pool.is_capped() || self.admission.has_free_seats(width) {
            return None;
        }
        self.pool.why_closed(has_fallback, now)
    }

    /// Puts the seats of the moment in force: as the rule says, but never more than the endpoints can take.
    pub(super) fn set_seats(&self, now: Time) {
        let bound = self.pool.bound(now).unwrap_or(u32::MAX);
        self.admission.set_capacity(self.edition, self.capacity.seats().min(bound), now);
    }
}

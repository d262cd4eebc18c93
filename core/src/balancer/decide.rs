//! The way in: identify, limit, admit, pick.

use super::{
    acquire::{Pending, Stage},
    charge::{NotIn, Visitor},
    charged::Charged,
    lease::Held,
    snapshot::{Service, Snapshot},
    state::State,
    visit::Visit,
};
use crate::{
    admission::{Seat, Spent},
    endpoint::InFlight,
    id::TenantHandle,
    limit::Demand,
    rejection::Rejection,
    request::Request,
    tenant::{Directory, Found, Lookup, Tenant},
    time::{Time, nanos},
};

impl State {
    /// One decision, without waiting. What it grants is put where the lease will keep it: it is too large to be handed
    /// from return to return.
    #[inline]
    pub(super) fn try_acquire(
        &self,
        request: &Request<'_>,
        held: &mut Option<Held>,
    ) -> Result<(), Rejection> {
        let now = self.clock.now();
        self.published.read(|snapshot| {
            let service = snapshot.service(request.pool_name())?;
            let mut decide =
                |service: &Service| self.try_acquire_from((snapshot, service), request, now, held);
            match decide(service) {
                Err(rejection) => service.counted(snapshot.fall_back(service, rejection, decide)),
                granted => granted,
            }
        })
    }

    /// The same of one pool.
    #[inline(always)]
    fn try_acquire_from(
        &self,
        (snapshot, service): (&Snapshot, &Service),
        request: &Request<'_>,
        now: Time,
        held: &mut Option<Held>,
    ) -> Result<(), Rejection> {
        let mut charged = Charged::default();
        let visit = self.identify_and_limit((snapshot, Some(service)), request, now, &mut charged)?;
        // All that retries cost whoever makes none.
        if visit.is_counted(request) {
            return visit.run_counted(service, request, now, held);
        }
        visit.run(service, request, now, held)
    }

    /// One decision that may wait for its seat.
    pub(super) fn acquire(&self, request: &Request<'_>) -> Stage {
        let now = self.clock.now();
        let stage = self.published.read(|snapshot| {
            let service = snapshot.service(request.pool_name())?;
            let acquire = |service: &Service| self.acquire_from((snapshot, service), request, now);
            let stage = acquire(service).or_else(|rejection| snapshot.fall_back(service, rejection, acquire));
            service.counted(stage)
        });
        stage.unwrap_or_else(|rejection| Stage::Ready(Err(rejection)))
    }

    /// The same of one pool.
    fn acquire_from(
        &self,
        (snapshot, service): (&Snapshot, &Service),
        request: &Request<'_>,
        now: Time,
    ) -> Result<Stage, Rejection> {
        let mut charged = Charged::default();
        let visit = self.identify_and_limit((snapshot, Some(service)), request, now, &mut charged)?;
        let (paid, entry) = (visit.pay(service, request)?, visit.charged.found.entry());
        let stage = visit.join(service, request, now, paid);
        match &stage {
            Ok(Stage::Ready(_)) => self.count_run(service, entry, paid.as_ref(), now),
            Ok(_) => {}
            Err(_) => self.give_back(paid.as_ref()),
        }
        stage
    }

    /// The fourth step of a request that has waited for its seat: the pick is made from what is in force now.
    pub(super) fn pick_for(&self, pending: &Pending, seat: Seat, now: Time) -> Result<InFlight, Rejection> {
        let picked = self.published.read(|snapshot| {
            let service = snapshot.service_of(pending.pool).ok_or(Rejection::UnknownPool)?;
            let ask = pending.ask(seat);
            service.pool.pick(&ask, now).ok_or_else(|| service.pool.why_none(&ask.wants, now))
        });
        picked.inspect_err(|_| pending.admission.release(seat, Spent::NOTHING, now))
    }

    /// The same where the queue has kept a place for it.
    pub(super) fn exchange(&self, pending: &Pending, seat: Seat, place: &mut InFlight, now: Time) {
        self.published.read(|snapshot| {
            if let Some(service) = snapshot.service_of(pending.pool) {
                service.exchange(&pending.ask(seat), place, now);
            }
        });
    }

    /// Steps one and two: whose it is, and whether its limits let it pass. On success the request is inside its tenant and
    /// charged, as `charged` tells, which was of nothing; on failure nothing has changed, and `charged` says nothing.
    #[inline(always)]
    pub(super) fn identify_and_limit<'a>(
        &'a self,
        (snapshot, service): (&'a Snapshot, Option<&Service>),
        request: &Request<'_>,
        now: Time,
        charged: &'a mut Charged,
    ) -> Result<Visit<'a>, Rejection> {
        snapshot.check_dimensions(request.declared().iter().map(|(name, _)| *name))?;
        loop {
            let edition = snapshot.directory.edition();
            let (found, tenant) = self.identify(snapshot, request, now)?;
            let directory = &snapshot.directory;
            let terms = directory.terms(&found);
            let unix = || nanos(self.clock.unix());
            let (may, owner) = match service {
                Some(Service { owner: Some(owner), pool, .. }) => {
                    let own = directory.is_beneath(&found, *owner, &self.hasher, &self.slab);
                    (own || terms.pools().grant(pool.id(), unix), (!own).then_some(*owner))
                }
                Some(service) => (terms.pools().allow(service.pool.id(), unix), None),
                None => (true, None),
            };
            if !may {
                if service.is_none_or(|service| snapshot.is_final(service, request)) {
                    tenant.reject();
                }
                return Err(Rejection::PoolForbidden);
            }
            let demand = Demand { cost: request.units(), amounts: request.declared() };
            let (visitor, uptime) =
                (Visitor { found, tenant, terms, directory, edition, owner }, self.uptime(now));
            match self.charge(&visitor, &demand, uptime, charged) {
                Ok(()) => return Ok(Visit { state: self, snapshot, tenant, terms, uptime, charged }),
                Err(NotIn::Refused(rejection)) => return Err(rejection),
                // An update gave the slot away between finding and entering.
                Err(NotIn::Stale) => {}
            }
        }
    }

    #[inline]
    fn identify(
        &self,
        snapshot: &Snapshot,
        request: &Request<'_>,
        now: Time,
    ) -> Result<(Found, Tenant<'_>), Rejection> {
        if let Some(found) = self.find(&snapshot.directory, request.handle(), request.tenant()) {
            return Ok(found);
        }
        let found = self.identify_unknown(snapshot, request, now)?;
        Ok((found, self.slab.get(found.slot)))
    }

    /// Whose it is, where the directory knows the tenant.
    #[inline(always)]
    pub(super) fn find(
        &self,
        directory: &Directory,
        handle: Option<&TenantHandle>,
        id: &str,
    ) -> Option<(Found, Tenant<'_>)> {
        let known = handle.and_then(|handle| self.hasher.key_in(handle).copied());
        let key = match known.or_else(|| self.hasher.short_key(id)) {
            Some(key) => key,
            None => self.hasher.any_key(id)?,
        };
        directory.find_with_state(&key, &self.slab)
    }

    /// An id that the directory does not have: refused, made from the template, or the overflow tenant's.
    #[cold]
    fn identify_unknown(
        &self,
        snapshot: &Snapshot,
        request: &Request<'_>,
        now: Time,
    ) -> Result<Found, Rejection> {
        let id = request.tenant();
        let key = &self.hasher.key(id).ok_or(Rejection::UnknownTenant)?;
        if snapshot.directory.refuses(id) {
            return Err(Rejection::UnknownTenant);
        }
        let now = self.uptime(now);
        let mut register = match snapshot.directory.overflow(&self.slab) {
            None => self.registry.lock(),
            // As many are made as may be. Room is looked for where that may help and costs nobody a wait.
            Some(overflow) => match snapshot.directory.find_again(key, &self.slab) {
                Lookup::Found(found) => return Ok(found),
                Lookup::Unsure => self.registry.lock(),
                Lookup::Absent if snapshot.directory.is_sweep_futile(now) => return Ok(overflow),
                Lookup::Absent => match self.registry.try_lock() {
                    Some(register) => register,
                    None => return Ok(overflow),
                },
            },
        };
        // Under the lock nothing moves: whoever was missed for that is found, on its own terms.
        if let Some(found) = snapshot.directory.find(key, &self.slab) {
            return Ok(found);
        }
        // Another thread may just have made it, and a tenant made in an old directory would be lost.
        let newest = self.published.load();
        let directory = &newest.directory;
        directory
            .find(key, &self.slab)
            .or_else(|| directory.make((id, key), &mut register.tenants, &self.slab, &self.moment(now)))
            // An update may have come meanwhile: this decision goes by the snapshot that it began with.
            .and_then(|found| snapshot.directory.on_made_terms(found))
            .ok_or(Rejection::UnknownTenant)
    }
}

//! The way in: identify, limit, admit, pick.

use std::sync::Arc;

use super::{
    acquire::{Pending, Stage},
    charge::{NotIn, Visitor},
    charged::Charged,
    lease::Held,
    snapshot::{Service, Snapshot},
    state::State,
};
use crate::{
    admission::{Joining, Place, Seat, Spent},
    config::RESERVED,
    endpoint::InFlight,
    id::IdKey,
    limit::Demand,
    pool::PoolId,
    rejection::Rejection,
    request::Request,
    tenant::{Found, Lookup, Tenant, Terms},
    time::Time,
};

/// A request that has passed its tenant's limits and is charged to them.
struct Visit<'a> {
    state: &'a State,
    snapshot: &'a Snapshot,
    tenant: &'a Tenant,
    terms: &'a Terms,
    /// Now, as quotas count it.
    uptime: Time,
    charged: Charged,
}

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
            let visit = self.identify_and_limit(snapshot, Some(service), request, now)?;
            let seat = match visit.try_admit(service, request, now) {
                Some(seat) => seat,
                None => visit.try_again(service, request, now)?,
            };
            let picked = visit.pick(service, seat, now)?;
            *held = Some(visit.held(picked, seat, service.pool.id(), now));
            Ok(())
        })
    }

    /// The first two steps alone, and the request is over.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<(), Rejection> {
        let now = self.clock.now();
        self.published.read(|snapshot| {
            let service = request.pool_name().map(|name| snapshot.service(Some(name))).transpose()?;
            let visit = self.identify_and_limit(snapshot, service, request, now)?;
            visit.tenant.complete();
            self.leave(visit.tenant, &visit.charged);
            Ok(())
        })
    }

    /// One decision that may wait for its seat.
    pub(super) fn acquire(&self, request: &Request<'_>) -> Stage {
        let now = self.clock.now();
        let stage = self.published.read(|snapshot| {
            let service = snapshot.service(request.pool_name())?;
            let visit = self.identify_and_limit(snapshot, Some(service), request, now)?;
            let deadline = request.deadline_at(now, service.limits.timeout);
            let admitted = visit.joining(request, deadline, |joining| service.admission.admit(joining, now));
            match admitted {
                Ok(Place::Seated(seat)) => {
                    let picked = visit.pick(service, seat, now)?;
                    Ok(Stage::Ready(Ok(visit.held(picked, seat, service.pool.id(), now))))
                }
                Ok(Place::Waiting(waiter)) => {
                    service.look_again(now);
                    Ok(Stage::Waiting(visit.wait(service, waiter, deadline)))
                }
                Err(rejection) => Err(visit.turn_away(rejection)),
            }
        });
        stage.unwrap_or_else(|rejection| Stage::Ready(Err(rejection)))
    }

    /// The fourth step of a request that has waited for its seat: the pick is made from what is in force now.
    pub(super) fn pick_for(&self, pending: &Pending, seat: Seat, now: Time) -> Result<InFlight, Rejection> {
        let picked = self.published.read(|snapshot| {
            let service = snapshot.service_of(pending.pool).ok_or(Rejection::UnknownPool)?;
            service.pool.pick(seat.turn, true, now).ok_or_else(|| service.pool.why_none())
        });
        picked.inspect_err(|_| pending.admission.release(seat, Spent::NOTHING, now))
    }

    /// Steps one and two: whose it is, and whether its limits let it pass. On success the request is inside its tenant and
    /// charged; on failure nothing has changed.
    #[inline(always)]
    fn identify_and_limit<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        service: Option<&Service>,
        request: &Request<'_>,
        now: Time,
    ) -> Result<Visit<'a>, Rejection> {
        snapshot.check_dimensions(request.declared().iter().map(|(name, _)| *name))?;
        loop {
            let edition = snapshot.directory.edition();
            let found = self.identify(snapshot, request, now)?;
            let (tenant, terms) = (self.slab.get(found.slot), snapshot.directory.terms(&found));
            if service.is_some_and(|service| !terms.may_use(service.pool.id())) {
                tenant.reject();
                return Err(Rejection::PoolForbidden);
            }
            let demand = Demand { cost: request.units(), amounts: request.declared() };
            let (visitor, uptime) = (Visitor { found, tenant, terms }, self.uptime(now));
            match self.charge(&visitor, edition, &demand, uptime) {
                Ok(charged) => return Ok(Visit { state: self, snapshot, tenant, terms, uptime, charged }),
                Err(NotIn::Refused(rejection)) => return Err(rejection),
                // An update gave the slot away between finding and entering.
                Err(NotIn::Stale) => {}
            }
        }
    }

    #[inline]
    fn identify(&self, snapshot: &Snapshot, request: &Request<'_>, now: Time) -> Result<Found, Rejection> {
        let id = request.tenant();
        let key = self.hasher.key_by(request.handle(), id).ok_or(Rejection::UnknownTenant)?;
        match snapshot.directory.find(&key, &self.slab) {
            Some(found) => Ok(found),
            None => self.identify_unknown(snapshot, (id, &key), now),
        }
    }

    /// An id that the directory does not have: refused, made from the template, or the overflow tenant's.
    #[cold]
    fn identify_unknown(
        &self,
        snapshot: &Snapshot,
        (id, key): (&str, &IdKey),
        now: Time,
    ) -> Result<Found, Rejection> {
        if snapshot.directory.refuses_unknown() || RESERVED.contains(&id) {
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
        // Under the lock: another thread may just have made it, and a tenant made in an old directory would be lost.
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

impl Visit<'_> {
    /// Step three of a request that does not wait.
    #[inline(always)]
    fn try_admit(&self, service: &Service, request: &Request<'_>, now: Time) -> Option<Seat> {
        let admission = &service.admission;
        admission.try_admit(request.width()).or_else(|| {
            let guarded = service.limits.guarded;
            guarded
                .then(|| self.joining(request, now, |joining| admission.try_admit_guarded(joining, now)))?
        })
    }

    /// Step three again for a request that was refused a seat, if a look at the endpoints finds it another.
    #[cold]
    #[inline(never)]
    fn try_again(&self, service: &Service, request: &Request<'_>, now: Time) -> Result<Seat, Rejection> {
        let seat = service.look_again(now).then(|| self.try_admit(service, request, now)).flatten();
        seat.ok_or_else(|| self.turn_away(Rejection::Saturated))
    }

    /// The request as the queue sees it.
    fn joining<R>(&self, request: &Request<'_>, deadline: Time, join: impl FnOnce(&Joining<'_>) -> R) -> R {
        join(&Joining {
            above: self.terms.above(),
            tenant: &self.terms.level(self.charged.found.entry().key()),
            cost: request.units(),
            width: request.width(),
            class: request.class(),
            deadline,
        })
    }

    /// Step four.
    #[inline(always)]
    fn pick(&self, service: &Service, seat: Seat, now: Time) -> Result<InFlight, Rejection> {
        service.pool.pick(seat.turn, false, now).ok_or_else(|| {
            service.admission.release(seat, Spent::NOTHING, now);
            self.turn_away(service.pool.why_none())
        })
    }

    #[inline(always)]
    fn held(self, picked: InFlight, seat: Seat, pool: PoolId, now: Time) -> Held {
        Held {
            picked: Some(picked),
            seat,
            charged: self.charged,
            started: now,
            pool,
            open: true,
            answered: false,
        }
    }

    fn wait(self, service: &Service, waiter: crate::admission::WaiterId, deadline: Time) -> Pending {
        self.tenant.start_waiting();
        Pending {
            waiter,
            deadline,
            admission: Arc::clone(&service.admission),
            charged: self.charged,
            pool: service.pool.id(),
        }
    }

    /// Takes the charge back: a refused request consumes nothing.
    #[cold]
    fn turn_away(&self, rejection: Rejection) -> Rejection {
        self.state.undo(self.snapshot, &self.charged, self.uptime);
        self.tenant.reject();
        self.state.leave(self.tenant, &self.charged);
        rejection
    }
}

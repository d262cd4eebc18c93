//! Steps three and four of a request whose tenant's limits have let it pass.

use std::{mem, sync::Arc};

use super::{
    acquire::{Pending, Stage},
    charged::Charged,
    hope::check_hope,
    lease::Held,
    snapshot::{Service, Snapshot},
    state::State,
};
use crate::{
    admission::{Joining, Paid, Place, Seat, Seated, Spent, WaiterId},
    affinity::Session,
    attempt::Attempt,
    config::OVERFLOW,
    endpoint::InFlight,
    pool::{Ask, Pool, Purpose, ShardKey, Wants},
    rejection::Rejection,
    request::{Request, Wish},
    strategy::{Avoided, Otherwise},
    tenant::{Tenant, Terms},
    time::Time,
};

/// A request that has passed its tenant's limits and is charged to them.
pub(super) struct Visit<'a> {
    pub(super) state: &'a State,
    pub(super) snapshot: &'a Snapshot,
    pub(super) tenant: Tenant<'a>,
    pub(super) terms: &'a Terms,
    /// Now, as quotas count it.
    pub(super) uptime: Time,
    /// Where it is written down what it is charged.
    pub(super) charged: &'a mut Charged,
}

impl Visit<'_> {
    /// Steps three and four of a request that does not wait.
    ///
    /// What they grant is put where it stays, piece by piece and on the way that nearly all take: a piece that is handed from return to return waits in memory each time.
    #[inline(always)]
    pub(super) fn run(
        self,
        service: &Service,
        request: &Request<'_>,
        now: Time,
        held: &mut Option<Held>,
    ) -> Result<(), Rejection> {
        let Some(seat) = service.admission.try_admit(request.width()) else {
            return self.run_refused(service, request, now, held);
        };
        let ask = ask_at_once(seat, self.wants(service, request));
        let Some(only) = service.pool.tier_at_once(&ask, now) else {
            return self.run_seated(service, (seat, ask), now, held);
        };
        let Some(picked) = service.pool.pick_at_once(only, &ask, now) else {
            return Err(self.turn_away_seated(service, &ask.wants, seat, now));
        };
        *held = Some(Held::new((picked, seat), mem::take(self.charged), service.pool.id(), now));
        Ok(())
    }

    /// The same of one for whom no seat is free.
    #[cold]
    #[inline(never)]
    fn run_refused(
        self,
        service: &Service,
        request: &Request<'_>,
        now: Time,
        held: &mut Option<Held>,
    ) -> Result<(), Rejection> {
        let asking = (request, self.wants(service, request));
        let seated = match self.try_admit_in_turn(service, asking, now) {
            Some(seated) => seated,
            None => self.try_again(service, asking, now)?,
        };
        let seat = seated.seat;
        let picked = self.pick(service, asking.1, seated, now)?;
        *held = Some(Held::new((picked, seat), mem::take(self.charged), service.pool.id(), now));
        Ok(())
    }

    /// Step four of one that has a seat, where more than a strategy decides.
    #[inline(never)]
    fn run_seated(
        self,
        service: &Service,
        (seat, ask): (Seat, Ask<'_>),
        now: Time,
        held: &mut Option<Held>,
    ) -> Result<(), Rejection> {
        let Some(picked) = service.pool.pick_otherwise(&ask, now) else {
            return Err(self.turn_away_seated(service, &ask.wants, seat, now));
        };
        *held = Some(Held::new((picked, seat), mem::take(self.charged), service.pool.id(), now));
        Ok(())
    }

    /// Steps three and four of a request that may wait.
    pub(super) fn join(
        self,
        service: &Service,
        request: &Request<'_>,
        now: Time,
        paid: Option<Paid>,
    ) -> Result<Stage, Rejection> {
        let deadline = request.deadline_at(now, service.limits.timeout);
        let wants = self.wants(service, request);
        match self.admit(service, (request, wants), deadline, now) {
            Ok(Place::Seated(seated)) => {
                let seat = seated.seat;
                let picked = self.pick(service, wants, seated, now)?;
                Ok(Stage::Ready(Ok(Held::new(
                    (picked, seat),
                    mem::take(self.charged),
                    service.pool.id(),
                    now,
                ))))
            }
            Ok(Place::Waiting(waiter)) => {
                service.look_again(now);
                Ok(Stage::Waiting(self.wait(service, wants, (waiter, deadline), paid)))
            }
            Err(rejection) => Err(self.turn_away(service, rejection)),
        }
    }

    /// Step three of a request that may wait.
    fn admit(
        &self,
        service: &Service,
        (request, wants): (&Request<'_>, Wants<'_>),
        deadline: Time,
        now: Time,
    ) -> Result<Place, Rejection> {
        if let Some(rejection) = service.why_closed(request.width(), service.spec.fallback().is_some(), now) {
            return Err(rejection);
        }
        if service.pool.is_limited() {
            check_hope(service, &wants, deadline, now)?;
        }
        let admit = |joining: &Joining<'_>| service.admission.admit(joining, now);
        let place = self.joining((request, wants), deadline, admit)?;
        if service.pool.may_keep_waiting(&wants) {
            self.find_endpoint(service, (request, wants), (place, deadline), now)
        } else {
            Ok(place)
        }
    }

    /// Step three of a request that does not wait, where the queue knows whose the free seats are.
    fn try_admit_in_turn(
        &self,
        service: &Service,
        asking: (&Request<'_>, Wants<'_>),
        now: Time,
    ) -> Option<Seated> {
        let try_admit = |joining: &Joining<'_>| service.admission.try_admit_in_turn(joining, now);
        let seated = service
            .admission
            .queue_knows_whose(asking.0.width())
            .then(|| self.joining(asking, now, try_admit))?;
        seated.map(|seated| self.exchanged(service, asking.1, seated, now))
    }

    /// Step three again for a request that was refused a seat, if a look at the endpoints finds it another.
    fn try_again(
        &self,
        service: &Service,
        asking: (&Request<'_>, Wants<'_>),
        now: Time,
    ) -> Result<Seated, Rejection> {
        if service.pool.is_limited() {
            // Who waits for an endpoint may have let its return pass.
            service.admission.hand_out_if_queued(now);
        }
        let again = service.look_again(now) || service.pool.is_limited();
        let admit = || {
            let seat = service.admission.try_admit(asking.0.width());
            let seated = seat.map(|seat| Seated { seat, picked: None });
            seated.or_else(|| self.try_admit_in_turn(service, asking, now))
        };
        let seated = again.then(admit).flatten();
        seated.ok_or_else(|| self.turn_away(service, service.why_full(asking.0.width(), &asking.1, now)))
    }

    /// The request as the queue sees it.
    pub(super) fn joining<R>(
        &self,
        (request, wants): (&Request<'_>, Wants<'_>),
        deadline: Time,
        join: impl FnOnce(&Joining<'_>) -> R,
    ) -> R {
        join(&Joining {
            above: self.terms.above(),
            tenant: &self.terms.level(self.charged.found.entry().key()),
            wants,
            width: request.width(),
            class: request.class(),
            deadline,
        })
    }

    /// What it wants of the pool.
    #[inline(always)]
    fn wants<'r>(&self, service: &Service, request: &Request<'r>) -> Wants<'r> {
        let (shard, target) = (self.shard(service, request), self.target(service, request));
        let otherwise = if request.which() == Attempt::Hedge { Otherwise::Refuse } else { Otherwise::Serve };
        let avoided = Avoided::new(request.avoided(), otherwise);
        Wants { key: request.key_bytes(), shard, target, avoided, cost: request.units() }
    }

    /// Step four.
    fn pick(
        &self,
        service: &Service,
        wants: Wants<'_>,
        Seated { seat, picked }: Seated,
        now: Time,
    ) -> Result<InFlight, Rejection> {
        let picked = picked.or_else(|| service.pool.pick(&ask_at_once(seat, wants), now));
        picked.ok_or_else(|| self.turn_away_seated(service, &wants, seat, now))
    }

    /// Nobody can be picked for it: its seat goes back.
    #[cold]
    fn turn_away_seated(&self, service: &Service, wants: &Wants<'_>, seat: Seat, now: Time) -> Rejection {
        service.admission.release(seat, Spent::NOTHING, now);
        self.turn_away(service, service.pool.why_none(wants, now))
    }

    fn wait(
        self,
        service: &Service,
        wants: Wants<'_>,
        (waiter, deadline): (WaiterId, Time),
        paid: Option<Paid>,
    ) -> Pending {
        self.tenant.start_waiting();
        Pending {
            waiter,
            deadline,
            admission: Arc::clone(&service.admission),
            charged: mem::take(self.charged),
            pool: service.pool.id(),
            wants: wants.kept(),
            paid,
        }
    }

    /// Which endpoints its tenant may use, where not all.
    #[inline]
    fn shard(&self, service: &Service, request: &Request<'_>) -> Option<ShardKey> {
        self.terms.shard().map(|size| service.pool.shard_key(self.known_as(request), size))
    }

    /// The endpoint that its session is bound to.
    #[inline]
    fn target(&self, service: &Service, request: &Request<'_>) -> Option<u64> {
        let session = || Session { tenant: self.known_as(request), pool: service.pool.name() };
        match request.wish() {
            Wish::None => None,
            Wish::Token(token) => self.snapshot.token_keys.verify(session(), token),
            Wish::Address(address) => Some(Pool::target_of(address)),
        }
    }

    /// Its tenant's id; that of all who share one where it is the overflow tenant's.
    fn known_as<'r>(&self, request: &Request<'r>) -> &'r str {
        let shared = self.snapshot.directory.is_overflow(self.charged.found.slot);
        if shared { OVERFLOW } else { request.tenant() }
    }

    /// Takes the charge back: a refused request consumes nothing. Where another pool comes next, it is not refused yet.
    #[cold]
    pub(super) fn turn_away(&self, service: &Service, rejection: Rejection) -> Rejection {
        self.state.undo(self.snapshot, self.charged, self.uptime);
        if service.spec.fallback().is_none() || !rejection.is_of_the_pool() {
            self.tenant.reject();
        }
        self.state.leave(self.tenant, self.charged);
        rejection
    }
}

/// What a request that has not waited for its seat asks of the pool.
#[inline(always)]
pub(super) const fn ask_at_once(seat: Seat, wants: Wants<'_>) -> Ask<'_> {
    Ask { number: seat.turn, saturated: false, wants, purpose: Purpose::Decide }
}

//! Requests to pools whose endpoints have limits of their own: who waits for their return, and who is told at once.

use std::mem;

use super::{
    snapshot::Service,
    visit::{Visit, ask_at_once},
};
use crate::{
    admission::{Joining, Place, Seated, Spent},
    endpoint::InFlight,
    pool::{Ask, Instead, Wants},
    rejection::Rejection,
    request::Request,
    time::Time,
};

/// Refuses at once whom endpoints' own limits keep out beyond its deadline.
#[cold]
pub(super) fn check_hope(
    service: &Service,
    wants: &Wants<'_>,
    deadline: Time,
    now: Time,
) -> Result<(), Rejection> {
    let outlook = service.pool.outlook(wants, now);
    let hopeless = outlook.is_hopeless(deadline).then(|| outlook.rejection(now)).flatten();
    hopeless.map_or(Ok(()), Err)
}

impl Service {
    /// Step four for who has a place that the queue has kept: a strategy of the caller's, which does not run there, may want it elsewhere.
    pub(super) fn exchange(&self, ask: &Ask<'_>, place: &mut InFlight, now: Time) {
        if !self.pool.runs_callers_code() {
            return;
        }
        match self.pool.pick_instead(ask, place, now) {
            Instead::Stays => return,
            Instead::GaveBack => {}
            Instead::Elsewhere(elsewhere) => mem::replace(place, elsewhere).abandon(now),
        }
        // Somebody may have found taken, for a moment, what nobody has now.
        self.admission.hand_out_if_queued(now);
    }
}

impl Visit<'_> {
    /// Step four where endpoints have limits of their own: who got a seat without an endpoint waits for one.
    #[cold]
    pub(super) fn find_endpoint(
        &self,
        service: &Service,
        (request, wants): (&Request<'_>, Wants<'_>),
        (place, deadline): (Place, Time),
        now: Time,
    ) -> Result<Place, Rejection> {
        let exchanged = |place| match place {
            Place::Seated(seated) => Place::Seated(self.exchanged(service, wants, seated, now)),
            waiting @ Place::Waiting(_) => waiting,
        };
        let Place::Seated(Seated { seat, picked: None }) = place else { return Ok(exchanged(place)) };
        let picked = service.pool.pick(&ask_at_once(seat, wants), now);
        if picked.is_some() || !service.pool.outlook(&wants, now).keeps_waiting(&wants) {
            return Ok(Place::Seated(Seated { seat, picked }));
        }
        service.admission.release(seat, Spent::NOTHING, now);
        let join = |joining: &Joining<'_>| service.admission.join(joining, now);
        self.joining((request, wants), deadline, join).map(exchanged)
    }

    /// The same seats, with the place that the request's strategy wants where the queue has given one.
    #[cold]
    pub(super) fn exchanged(
        &self,
        service: &Service,
        wants: Wants<'_>,
        mut seated: Seated,
        now: Time,
    ) -> Seated {
        if let Some(place) = &mut seated.picked {
            service.exchange(&ask_at_once(seated.seat, wants), place, now);
        }
        seated
    }
}

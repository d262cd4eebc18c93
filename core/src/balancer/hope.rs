//! Requests to pools whose endpoints have limits of their own: who waits for their return, and who is told at once.

use super::{snapshot::Service, visit::Visit};
use crate::{
    admission::{Place, Seated, Spent},
    pool::{Ask, Purpose, Wants},
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
        let Place::Seated(Seated { seat, picked: None }) = place else { return Ok(place) };
        let ask = Ask { number: seat.turn, saturated: false, wants, purpose: Purpose::Decide };
        let picked = service.pool.pick(&ask, now);
        if picked.is_some() || !service.pool.outlook(&wants, now).is_limited() {
            return Ok(Place::Seated(Seated { seat, picked }));
        }
        service.admission.release(seat, Spent::NOTHING, now);
        self.joining((request, wants), deadline, |joining| service.admission.join(joining, now))
    }
}

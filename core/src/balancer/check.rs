//! The first two steps alone: limits without a seat.

use super::{charge::refused, charged::Charged, snapshot::Snapshot, state::State};
use crate::{
    attempt::Attempt,
    id::TenantHandle,
    limit::{self, Buckets, Refusal, Spending},
    rejection::Rejection,
    request::Request,
    tenant::{Mark, Tenant},
    time::Time,
};

impl State {
    /// Whether a request passes its tenant's limits. It is over at once.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<(), Rejection> {
        self.check_wholly(request, self.clock.now())
    }

    /// The same of a [plain](Request::is_plain) one. Where the tenant is known and has one rate, nobody's limits above it and no meter, it need
    /// not come in, but only [visits](Mark::visit).
    pub(super) fn check_plain(
        &self,
        handle: Option<&TenantHandle>,
        id: &str,
        cost: u64,
    ) -> Result<(), Rejection> {
        let now = self.clock.now();
        let spend = |snapshot: &Snapshot, mark: &Mark| {
            let (found, tenant) = self.find(&snapshot.directory, handle, id)?;
            let terms = snapshot.directory.terms(&found);
            let quota = terms.only_rate()?;
            let (generation, most) = (found.generation, terms.limits().max_in_flight());
            let _visit = mark.visit();
            let pass = || tenant.pass(generation, most).is_ok();
            match limit::spend(tenant.first(), quota, cost, self.uptime(now), pass) {
                Spending::Spent => Some(Ok(())),
                Spending::Unconfirmed => None,
                unspent => refuse(tenant, (generation, most), unspent).map(Err),
            }
        };
        match self.published.visit(spend).flatten() {
            Some(Ok(())) => {
                self.count_settlement();
                Ok(())
            }
            Some(Err(refusal)) => Err(refused(refusal)),
            // The longer way must tell.
            None => self.check_wholly(&Request::plain(handle, id, cost), now),
        }
    }

    /// The same for everybody.
    #[inline(never)]
    fn check_wholly(&self, request: &Request<'_>, now: Time) -> Result<(), Rejection> {
        self.published.read(|snapshot| {
            // A retry is one somewhere: without a name, in the only pool.
            let somewhere = request.pool_name().is_some() || request.which() != Attempt::First;
            let service = somewhere.then(|| snapshot.service(request.pool_name())).transpose()?;
            let mut charged = Charged::default();
            let visit = self.identify_and_limit((snapshot, service), request, now, &mut charged)?;
            if let Some(service) = service {
                let paid = visit.pay(service, request)?;
                self.count_run(service, visit.charged.found.entry(), paid.as_ref(), now);
            }
            if visit.charged.is_metered() {
                self.settle_use(snapshot, visit.charged, None, visit.uptime);
            }
            self.count_settlement();
            self.complete(visit.tenant, visit.charged);
            Ok(())
        })
    }
}

/// Counts what was not spent as refused, during the visit that it was found in.
#[cold]
fn refuse(tenant: Tenant<'_>, (generation, most): (u32, u32), unspent: Spending) -> Option<Refusal> {
    let refusal = match unspent {
        Spending::Spent | Spending::Unconfirmed => return None,
        Spending::Refused(refusal) => tenant.confirm(generation, most).ok().map(|()| refusal)?,
        Spending::Outrun(refusal) => {
            tenant.take_back();
            refusal
        }
    };
    tenant.reject();
    Some(refusal)
}

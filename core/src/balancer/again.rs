//! Retries and hedges: what a decision does for them beside all else.
//!
//! A retry is paid for when its limits have let it pass, before it asks for a seat, and gets that back if it is given none. What pays for it are
//! requests that got a seat, or passed a check in the pool, and nothing else: neither refused ones, nor those that still wait, nor retries.

use super::{lease::Held, snapshot::Service, state::State, visit::Visit};
use crate::{
    admission::{Paid, Payer},
    attempt::{Again, Attempt},
    rejection::Rejection,
    request::Request,
    tenant::Entry,
    time::Time,
};

impl Visit<'_> {
    /// Whether it is no first attempt, or one of a tenant that makes others.
    #[inline(always)]
    pub(super) fn is_counted(&self, request: &Request<'_>) -> bool {
        (request.which() != Attempt::First) | self.tenant.retries()
    }

    /// Steps three and four of such a request.
    #[cold]
    #[inline(never)]
    pub(super) fn run_counted(
        self,
        service: &Service,
        request: &Request<'_>,
        now: Time,
        held: &mut Option<Held>,
    ) -> Result<(), Rejection> {
        let (state, entry, paid) = (self.state, self.charged.found.entry(), self.pay(service, request)?);
        let run = self.run(service, request, now, held);
        match &run {
            Ok(()) => state.count_run(service, entry, paid.as_ref(), now),
            Err(_) => state.give_back(paid.as_ref()),
        }
        run
    }

    /// Has a retry paid for; any other request pays nothing.
    ///
    /// # Errors
    /// The budget has no room; the request is turned away.
    pub(super) fn pay(&self, service: &Service, request: &Request<'_>) -> Result<Option<Paid>, Rejection> {
        let Some(kind) = request.which().again() else { return Ok(None) };
        let payer = payer(self.charged.found.entry(), service);
        let asked = (kind, service.allowances.of(kind));
        let paid = self.state.attempts.pay(payer, asked, self.uptime, || self.tenant.start_retrying());
        paid.map(Some).map_err(|retry_after| {
            service.attempts.of(kind).refuse();
            let rejection = match kind {
                Again::Retry => Rejection::RetryBudgetExhausted { retry_after },
                Again::Hedge => Rejection::HedgeBudgetExhausted { retry_after },
            };
            self.turn_away(service, rejection)
        })
    }
}

impl State {
    /// A request that is inside has got its seat, or passed a check in the pool: it is a retry that was made, or counts for those to come.
    pub(super) fn count_run(&self, service: &Service, entry: Entry, paid: Option<&Paid>, now: Time) {
        let tenant = self.slab.get(entry.slot);
        match paid {
            Some(paid) => service.attempts.of(paid.kind).pass(),
            None if tenant.retries() => {
                self.attempts.count(payer(entry, service), self.uptime(now), || tenant.stop_retrying());
            }
            None => {}
        }
    }

    /// A retry was not made.
    pub(super) fn give_back(&self, paid: Option<&Paid>) {
        if let Some(paid) = paid {
            self.attempts.give_back(paid);
        }
    }
}

fn payer(entry: Entry, service: &Service) -> Payer {
    Payer { tenant: entry.key(), pool: service.pool.id() }
}

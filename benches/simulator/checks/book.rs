//! Conservation, seats and work conservation: the simulator's own counts beside what `stats()` says.

use std::mem;

use super::Violation;
use crate::record::PoolSample;

/// What the core says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) pools: Vec<PoolSample>,
    pub(crate) tenants: Vec<Stated>,
    /// How many tenants it knows, where all were asked for.
    pub(crate) known_tenants: Option<usize>,
}

/// What it says of one tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stated {
    pub(crate) tenant: usize,
    pub(crate) in_flight: u32,
    pub(crate) waiting: u32,
}

/// What of a pool's configuration the checks must know.
#[derive(Clone, Debug)]
pub(crate) struct PoolTerms {
    pub(crate) name: String,
    /// The most seats that a request of this scenario takes.
    pub(crate) widest: u32,
    /// Tenants have shares of its seats, so that a seat may stay free for one of them.
    pub(crate) guarded: bool,
    /// The endpoints' own caps.
    pub(crate) caps: Vec<Option<u32>>,
    /// Whether each endpoint is configured now.
    pub(crate) listed: Vec<bool>,
    /// The longest that a tenant's line and the whole queue may be.
    pub(crate) per_tenant: u32,
    pub(crate) total: u32,
    /// The seats that are configured, where they are fixed.
    pub(crate) capacity: Option<u32>,
}

/// The simulator's own counts.
#[derive(Debug)]
pub(crate) struct Book {
    terms: Vec<PoolTerms>,
    pools: Vec<Count>,
    tenants: Vec<Count>,
    /// Tenants that were counted anew since the last look.
    changed: Vec<usize>,
    /// In flight by pool and endpoint.
    endpoints: Vec<Vec<u32>>,
    /// Pools that this step admitted somebody to.
    admitted: Vec<bool>,
    arrived: u64,
    /// By request: whether it has ended.
    ended: Vec<bool>,
    ends: u64,
}

/// Requests with a lease, their seats, and requests that wait.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    leases: u32,
    seats: u32,
    waiting: u32,
}

/// Where a request stands, for the book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party {
    pub(crate) pool: usize,
    pub(crate) tenant: usize,
}

impl Book {
    pub(crate) fn new(terms: Vec<PoolTerms>, tenants: usize) -> Self {
        let pools = terms.len();
        Self {
            endpoints: terms.iter().map(|pool| vec![0; pool.caps.len()]).collect(),
            terms,
            pools: vec![Count::default(); pools],
            tenants: vec![Count::default(); tenants],
            changed: vec![],
            admitted: vec![false; pools],
            arrived: 0,
            ended: vec![],
            ends: 0,
        }
    }

    /// Other terms are in force.
    pub(crate) fn set_terms(&mut self, terms: Vec<PoolTerms>) {
        for (counts, terms) in self.endpoints.iter_mut().zip(&terms) {
            counts.resize(terms.caps.len(), 0);
        }
        self.terms = terms;
    }

    /// A request arrives: requests are numbered from 0.
    pub(crate) fn arrived(&mut self) {
        self.arrived += 1;
        self.ended.push(false);
    }

    /// A request ends.
    pub(crate) fn ended(&mut self, request: usize) -> Option<Violation> {
        self.ends += 1;
        match self.ended.get_mut(request) {
            Some(ended @ false) => {
                *ended = true;
                None
            }
            Some(true) => Some(Violation::new("exactly once", format!("request {request} ended again"))),
            None => {
                Some(Violation::new("exactly once", format!("request {request} ended and never arrived")))
            }
        }
    }

    pub(crate) fn waits(&mut self, party: Party) {
        self.pools[party.pool].waiting += 1;
        self.tenants[party.tenant].waiting += 1;
        self.changed.push(party.tenant);
    }

    /// Somebody waits no more; whether it was the tenant's last is for the caller to ask.
    pub(crate) fn waits_no_more(&mut self, party: Party) {
        self.pools[party.pool].waiting -= 1;
        self.tenants[party.tenant].waiting -= 1;
        self.changed.push(party.tenant);
    }

    pub(crate) fn admitted(&mut self, party: Party, endpoint: usize, width: u32) {
        for count in [&mut self.pools[party.pool], &mut self.tenants[party.tenant]] {
            count.leases += 1;
            count.seats += width;
        }
        self.endpoints[party.pool][endpoint] += 1;
        self.changed.push(party.tenant);
        self.admitted[party.pool] = true;
    }

    pub(crate) fn released(&mut self, party: Party, endpoint: usize, width: u32) {
        for count in [&mut self.pools[party.pool], &mut self.tenants[party.tenant]] {
            count.leases -= 1;
            count.seats -= width;
        }
        self.endpoints[party.pool][endpoint] -= 1;
        self.changed.push(party.tenant);
    }

    /// The tenants that were counted anew since this was last asked.
    pub(crate) fn take_changed(&mut self) -> Vec<usize> {
        mem::take(&mut self.changed)
    }

    /// How many of a tenant's requests wait.
    pub(crate) fn waiting_of(&self, tenant: usize) -> u32 {
        self.tenants[tenant].waiting
    }

    /// How many requests are in flight in a pool.
    pub(crate) fn leases_in(&self, pool: usize) -> u32 {
        self.pools[pool].leases
    }

    /// The step is over: what the core says must be what was counted.
    pub(crate) fn check(&mut self, reading: &Reading) -> Vec<Violation> {
        let mut found = vec![];
        for (at, sample) in reading.pools.iter().enumerate() {
            found.extend(self.check_pool(at, *sample));
        }
        found.extend(reading.tenants.iter().filter_map(|stated| self.miscounted_tenant(*stated)));
        self.admitted.fill(false);
        found
    }

    /// A request was refused on the spot: every counter must be as it was.
    pub(crate) fn check_refusal(
        &self,
        pool: usize,
        stated: PoolSample,
        tenant: Option<Stated>,
    ) -> Option<Violation> {
        let tenant = tenant.and_then(|tenant| self.miscounted_tenant(tenant));
        let miscounted = self.miscounted_pool(pool, stated).or(tenant)?;
        Some(Violation::new("refusal", miscounted.detail))
    }

    fn miscounted_tenant(&self, stated: Stated) -> Option<Violation> {
        let Stated { tenant, in_flight, waiting } = stated;
        let counted = self.tenants[tenant];
        ((in_flight, waiting) != (counted.leases, counted.waiting)).then(|| {
            let detail = format!(
                "tenant {tenant} has {} leases and {} waiters, and stats() says {in_flight} and {waiting}",
                counted.leases, counted.waiting
            );
            Violation::new("conservation", detail)
        })
    }

    fn miscounted_pool(&self, at: usize, stated: PoolSample) -> Option<Violation> {
        let (terms, counted) = (&self.terms[at], self.pools[at]);
        // A request wider than the capacity is counted as wide as that was when it got in.
        let wide = terms.widest > 1;
        let seats_agree = stated.in_flight == counted.seats || (wide && stated.in_flight <= counted.seats);
        (!seats_agree || stated.waiting != counted.waiting).then(|| {
            let detail = format!(
                "pool {} has {} seats taken and {} waiters, and stats() says {} and {}",
                terms.name, counted.seats, counted.waiting, stated.in_flight, stated.waiting
            );
            Violation::new("conservation", detail)
        })
    }

    fn check_pool(&self, at: usize, stated: PoolSample) -> Vec<Violation> {
        let terms = &self.terms[at];
        let name = &terms.name;
        let mut found = vec![];
        found.extend(self.miscounted_pool(at, stated));
        let capacity = terms.capacity.map_or(stated.capacity, |fixed| fixed.min(stated.capacity));
        if self.admitted[at] && stated.in_flight > capacity {
            let detail =
                format!("pool {name} admitted, and has {} in flight on {capacity} seats", stated.in_flight);
            found.push(Violation::new("seats", detail));
        }
        let mut endpoints = self.endpoints[at].iter().zip(&terms.caps);
        let can_serve = endpoints.any(|(&in_flight, cap)| cap.is_none_or(|cap| in_flight < cap));
        let room = stated.in_flight.saturating_add(terms.widest.min(stated.capacity)) <= stated.capacity;
        if stated.waiting > 0 && room && can_serve && !terms.guarded {
            let detail = format!(
                "pool {name} has {} waiting while {} of {} seats are taken",
                stated.waiting, stated.in_flight, stated.capacity
            );
            found.push(Violation::new("work conservation", detail));
        }
        found.extend(self.over_cap(at));
        found
    }

    fn over_cap(&self, at: usize) -> Option<Violation> {
        let mut endpoints = self.endpoints[at].iter().zip(&self.terms[at].caps);
        let (in_flight, cap) = endpoints.find(|(in_flight, cap)| cap.is_some_and(|cap| **in_flight > cap))?;
        let detail =
            format!("an endpoint of {} has {in_flight} in flight and a cap of {cap:?}", self.terms[at].name);
        Some(Violation::new("seats", detail))
    }

    /// The run is over: nothing may be left.
    pub(crate) fn check_rest(&mut self, reading: &Reading) -> Vec<Violation> {
        let mut found = self.check(reading);
        let left = reading.pools.iter().map(|pool| pool.in_flight + pool.waiting).sum::<u32>();
        if left > 0 {
            found.push(Violation::new(
                "conservation",
                format!("{left} in flight or waiting when all is over"),
            ));
        }
        let open = self.ended.iter().filter(|&&ended| !ended).count();
        if open > 0 || self.ends != self.arrived {
            let detail = format!("{} arrived, {} ends, {open} never ended", self.arrived, self.ends);
            found.push(Violation::new("exactly once", detail));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTY: Party = Party { pool: 0, tenant: 0 };

    fn terms(cap: Option<u32>) -> PoolTerms {
        PoolTerms {
            name: "api".to_owned(),
            widest: 1,
            guarded: false,
            caps: vec![cap],
            listed: vec![true],
            per_tenant: 256,
            total: 10_000,
            capacity: None,
        }
    }

    fn book() -> Book {
        let mut book = Book::new(vec![terms(None)], 1);
        book.arrived();
        book
    }

    fn reading(capacity: u32, in_flight: u32, waiting: u32) -> Reading {
        let pools = vec![PoolSample { capacity, in_flight, waiting }];
        let tenants = vec![Stated { tenant: 0, in_flight, waiting }];
        Reading { pools, tenants, known_tenants: None }
    }

    fn rules(found: &[Violation]) -> Vec<&'static str> {
        found.iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn a_seat_that_nobody_counts_is_caught() {
        let mut book = book();
        assert_eq!(rules(&book.check(&reading(4, 0, 0))), [""; 0]);
        assert_eq!(rules(&book.check(&reading(4, 1, 0))), ["conservation", "conservation"]);
    }

    #[test]
    fn a_refusal_that_left_something_behind_is_caught() {
        let book = book();
        let refused = |in_flight, tenant| {
            let pool = PoolSample { capacity: 4, in_flight, waiting: 0 };
            let stated = Stated { tenant: PARTY.tenant, in_flight: tenant, waiting: 0 };
            book.check_refusal(PARTY.pool, pool, Some(stated)).map(|violation| violation.rule)
        };
        assert_eq!([refused(0, 0), refused(1, 0), refused(0, 1)], [None, Some("refusal"), Some("refusal")]);
    }

    #[test]
    fn one_admitted_too_many_is_caught_and_one_left_over_by_a_shrunken_capacity_is_not() {
        let mut book = book();
        book.admitted(PARTY, 0, 1);
        book.admitted(PARTY, 0, 1);
        assert_eq!(rules(&book.check(&reading(1, 2, 0))), ["seats"]);
        assert_eq!(rules(&book.check(&reading(1, 2, 0))), [""; 0], "nobody was admitted in this step");
    }

    #[test]
    fn a_waiter_beside_a_free_seat_is_caught_unless_no_endpoint_can_serve() {
        let mut book = book();
        book.waits(PARTY);
        assert_eq!(rules(&book.check(&reading(1, 0, 1))), ["work conservation"]);
        book.set_terms(vec![terms(Some(0))]);
        assert_eq!(rules(&book.check(&reading(1, 0, 1))), [""; 0]);
    }

    #[test]
    fn a_request_that_ends_twice_or_never_is_caught() {
        let mut book = book();
        assert_eq!(rules(&book.check_rest(&reading(1, 0, 0))), ["exactly once"]);
        assert_eq!(book.ended(0), None);
        assert_eq!(rules(&book.check_rest(&reading(1, 0, 0))), [""; 0]);
        assert_eq!(book.ended(0).map(|violation| violation.rule), Some("exactly once"));
        assert_eq!(book.ended(7).map(|violation| violation.rule), Some("exactly once"));
    }
}

//! How much of an endpoint's own limits is used: of the configured rates, and of what it says itself.
//!
//! Rates are the tenants' own: the same buckets, charged all or nothing. A lock of the endpoint's own makes both one step; only
//! endpoints with limits have one.

use std::time::Duration;

use super::learned::{Both, COST, Heard, Learned, REQUESTS, Seen};
use crate::{
    limit::{self, BucketArray, Charge, Quota, Refusal},
    sync::Mutex,
    time::Time,
    upstream::UpstreamReport,
};

/// Survives every update that keeps the endpoint.
#[derive(Debug)]
pub(crate) struct Usage {
    /// Quotas count time from here.
    started: Time,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    quotas: Box<[Quota]>,
    /// The number of this list of quotas.
    list: u32,
    buckets: BucketArray,
    learned: Learned,
}

/// What a request was charged at its endpoint.
#[derive(Debug)]
pub(crate) struct Ticket {
    list: u32,
    charge: Charge,
    seen: Seen,
}

/// Why an endpoint's limits let no request of a cost in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// The same request may go there from this moment on, if nothing else happens.
    Until(Time),
    /// One request may cost at most this.
    Never(u64),
}

/// What is left of an endpoint's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) requests: Option<u64>,
    pub(crate) cost: Option<u64>,
    pub(crate) requests_limit: Option<u64>,
    pub(crate) cost_limit: Option<u64>,
    /// How long until a request of cost 1 may go there, if not now.
    pub(crate) returns_in: Option<Duration>,
}

impl Usage {
    /// Nothing used, where so much was let in uncounted.
    pub(super) fn new(now: Time, uncounted: Both<u64>) -> Self {
        let learned = Learned::issued_before(uncounted);
        Self { started: now, inner: Mutex::new(Inner { learned, ..Inner::default() }) }
    }

    /// Puts a list of quotas in force. What was used stays used.
    pub(super) fn adopt(&self, quotas: &[Quota], now: Time) {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        if *inner.quotas != *quotas {
            limit::carry_over(&inner.buckets, &inner.quotas, quotas, self.uptime(now));
            inner.quotas = quotas.into();
            inner.list += 1;
        }
    }

    /// Whether a request of this cost may go there.
    pub(super) fn look(&self, cost: u64, now: Time) -> Result<(), Spent> {
        self.inner.lock().look(cost, now, self.uptime(now))
    }

    /// Lets a request in, if it may.
    pub(super) fn charge(&self, cost: u64, now: Time) -> Option<Ticket> {
        let mut inner = self.inner.lock();
        let uptime = self.uptime(now);
        inner.look(cost, now, uptime).ok()?;
        let charge = limit::charge(&inner.buckets, &inner.quotas, cost, uptime).ok()?;
        let seen = inner.learned.charge(units(cost), now);
        Some(Ticket { list: inner.list, charge, seen })
    }

    /// The request did not run.
    pub(super) fn give_back(&self, ticket: &Ticket, now: Time) {
        let mut inner = self.inner.lock();
        if inner.list == ticket.list {
            limit::undo(&inner.buckets, &inner.quotas, &ticket.charge, self.uptime(now));
        }
        inner.learned.give_back(units(ticket.charge.cost()), &ticket.seen, now);
    }

    /// The request really cost this. Under other quotas than it was charged to, debt is owed, and nothing is given back.
    pub(super) fn settle(&self, ticket: &Ticket, actual: u64, now: Time) {
        let mut inner = self.inner.lock();
        let reserved = ticket.charge.cost();
        let settled = if inner.list == ticket.list { actual } else { actual.max(reserved) };
        limit::settle(&inner.buckets, &inner.quotas, &ticket.charge, settled, self.uptime(now));
        if actual > reserved {
            inner.learned.owe(actual - reserved, now);
        }
    }

    /// Learns from a report; the moment until which it is spent now, where it was not before.
    pub(super) fn learn(
        &self,
        ticket: Option<&Ticket>,
        report: &UpstreamReport,
        now: Time,
        unix: Duration,
    ) -> Option<Time> {
        let mut inner = self.inner.lock();
        let uptime = self.uptime(now);
        let before = inner.look(1, now, uptime);
        let seen = ticket.map_or_else(Seen::default, |ticket| ticket.seen);
        inner.learned.learn(&Heard { report, now, unix }, &seen);
        match (before, inner.look(1, now, uptime)) {
            (Ok(()), Err(Spent::Until(at))) => Some(at),
            _ => None,
        }
    }

    pub(super) fn left(&self, now: Time) -> Left {
        let inner = self.inner.lock();
        let uptime = self.uptime(now);
        let learned = |kind| inner.learned.left(kind, now);
        let rates = |by_cost: bool| {
            let read = limit::read(&inner.buckets, &inner.quotas, uptime);
            let least = read.filter(|(quota, _)| quota.counts_cost() == by_cost);
            least.map(|(quota, reading)| (reading.remaining, Some(quota.burst()))).min()
        };
        let least = |kind, by_cost| learned(kind).into_iter().chain(rates(by_cost)).min();
        let (requests, cost) = (least(REQUESTS, false), least(COST, true));
        Left {
            requests: requests.map(|(left, _)| left),
            cost: cost.map(|(left, _)| left),
            requests_limit: requests.and_then(|(_, limit)| limit),
            cost_limit: cost.and_then(|(_, limit)| limit),
            returns_in: match inner.look(1, now, uptime) {
                Err(Spent::Until(at)) => Some(at.since(now)),
                Ok(()) | Err(Spent::Never(_)) => None,
            },
        }
    }

    fn uptime(&self, now: Time) -> Time {
        Time::ZERO + now.since(self.started)
    }
}

impl Inner {
    fn look(&self, cost: u64, now: Time, uptime: Time) -> Result<(), Spent> {
        let rates = match limit::look(&self.buckets, &self.quotas, cost, uptime) {
            Ok(()) => None,
            Err(Refusal::TooCostly(limit)) => return Err(Spent::Never(limit)),
            Err(Refusal::Wait(wait) | Refusal::Spent(wait)) => Some(now + wait),
        };
        match rates.max(self.learned.blocked_until(units(cost), now)) {
            Some(at) => Err(Spent::Until(at)),
            None => Ok(()),
        }
    }
}

const fn units(cost: u64) -> Both<u64> {
    [1, cost]
}

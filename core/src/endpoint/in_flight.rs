//! A request in flight.

use std::{ptr, sync::Arc, time::Duration};

use super::{Arrival, Endpoint, usage::Ticket};
use crate::{sync::Ordering, time::Time, upstream::UpstreamReport};

/// A request in flight at an endpoint, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// The reference counts it.
    pub(super) endpoint: Arc<Endpoint>,
    /// Whether the endpoint's cap counts it, too.
    pub(super) counted: bool,
    /// Whether it is the one that probation allows.
    pub(super) trial: bool,
    /// What it was charged, where the endpoint has limits of its own.
    pub(super) ticket: Option<Box<Ticket>>,
    /// What counts it in its tier, where load is bounded.
    pub(super) arrival: Option<Arrival>,
}

impl InFlight {
    #[inline]
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it is there.
    pub(crate) fn is_at(&self, endpoint: &Endpoint) -> bool {
        ptr::eq(self.endpoint(), endpoint)
    }

    /// One more reference to where it is, neither counted nor charged: it stands for it in a choice.
    pub(crate) fn stand_in(&self) -> Self {
        Self {
            endpoint: Arc::clone(&self.endpoint),
            counted: false,
            trial: false,
            ticket: None,
            arrival: None,
        }
    }

    pub(crate) const fn is_trial(&self) -> bool {
        self.trial
    }

    /// Keeps what counts it in its tier.
    pub(crate) fn keep(&mut self, arrival: Arrival) {
        self.arrival = Some(arrival);
    }

    pub(crate) const fn set_trial(&mut self, trial: bool) {
        self.trial = trial;
    }

    /// The request really cost this.
    #[inline]
    pub(crate) fn settle(&self, actual: Option<u64>, now: Time) {
        if let (Some(ticket), Some(actual)) = (&self.ticket, actual)
            && let Some(usage) = self.endpoint.usage()
        {
            usage.settle(ticket, actual, now);
        }
    }

    /// The request does not run: what it was charged is given back.
    pub(crate) fn give_back(&mut self, now: Time) {
        if let (Some(ticket), Some(usage)) = (self.ticket.take(), self.endpoint.usage()) {
            usage.give_back(&ticket, now);
        }
    }

    /// The same for one whom nobody has told that it was picked for.
    pub(crate) fn abandon(mut self, now: Time) {
        self.give_back(now);
        if self.trial {
            self.endpoint.outlier().abandon_trial();
        }
    }

    /// Learns what the answer to a request of this cost says of the endpoint's limits; the moment until which it is spent now, where it
    /// was not before.
    pub(crate) fn learn_limits(
        &self,
        cost: u64,
        report: &UpstreamReport,
        now: Time,
        unix: Duration,
    ) -> Option<Time> {
        let uncounted = || {
            let references = u64::try_from(Arc::strong_count(&self.endpoint)).unwrap_or(u64::MAX);
            let listed = u64::from(self.endpoint.listed.load(Ordering::Relaxed));
            // Less this one. What the others cost is not known; this one's cost is a guess.
            let others = references.saturating_sub(listed).saturating_sub(1);
            [others, others.saturating_mul(cost)]
        };
        let usage = self.endpoint.usage_from(now, uncounted);
        usage.learn(self.ticket.as_deref(), report, now, unix)
    }
}

impl Drop for InFlight {
    #[inline]
    fn drop(&mut self) {
        if self.counted {
            self.endpoint.leave_counted();
        }
    }
}

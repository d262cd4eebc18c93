//! An endpoint as one snapshot lists it: the shared state, and the settings of that snapshot.

use std::sync::{Arc, Weak};

use super::{
    Endpoint, InFlight, Labels,
    usage::{Left, Spent},
};
use crate::{limit::Quota, sync::Ordering, time::Time};

/// One place in a pool's list.
///
/// A request in flight holds one reference to the endpoint, and so does each snapshot that lists it. So the requests in
/// flight are the reference count less the listings: one atomic step both counts a request and keeps its endpoint alive
/// after an update has removed it. (tower counts its load the same way.)
///
/// Half a cache line: in a large pool each line that a pick reads is a miss.
#[derive(Debug)]
#[repr(align(32))]
pub(crate) struct Member {
    weight: u32,
    inverse_weight: f32,
    /// The most requests in flight; [`u32::MAX`] where there is no cap.
    cap: u32,
    special: Option<Box<Special>>,
    endpoint: Arc<Endpoint>,
}

/// What few endpoints have, and most picks do not ask for.
#[derive(Debug, Default)]
struct Special {
    /// Its configured rates.
    quotas: Box<[Quota]>,
    labels: Option<Labels>,
}

impl Member {
    /// Lists an endpoint that is among the first of its pool.
    #[cfg(test)]
    pub(crate) fn new(address: &str, weight: u32) -> Self {
        Self::joining(address, weight, Time::ZERO)
    }

    /// Lists an endpoint that is new to its pool. One of the first joins at zero: it is warm from the beginning.
    pub(crate) fn joining(address: &str, weight: u32, now: Time) -> Self {
        Self::list(Arc::new(Endpoint::new(address, now)), weight)
    }

    /// Lists the same endpoint once more, with its state, under another weight.
    pub(crate) fn relist(&self, weight: u32) -> Self {
        Self::list(Arc::clone(&self.endpoint), weight)
    }

    /// Lists an endpoint again that an update had removed, while requests are still in flight there.
    pub(crate) fn return_to(endpoint: Arc<Endpoint>, weight: u32) -> Self {
        Self::list(endpoint, weight)
    }

    /// The endpoint, as long as somebody lists it or a request is in flight there.
    pub(crate) fn trace(&self) -> Weak<Endpoint> {
        Arc::downgrade(&self.endpoint)
    }

    /// The same with a cap on requests in flight. Those that were let in before there was a cap are not counted.
    pub(crate) fn with_cap(mut self, cap: Option<u32>) -> Self {
        self.cap = cap.unwrap_or(NO_CAP);
        self
    }

    /// The cap, if there is one.
    pub(crate) fn cap(&self) -> Option<u32> {
        (self.cap != NO_CAP).then_some(self.cap)
    }

    /// The same with rates of its own.
    pub(crate) fn with_quotas(mut self, quotas: Box<[Quota]>) -> Self {
        if !quotas.is_empty() {
            self.special.get_or_insert_default().quotas = quotas;
        }
        self
    }

    /// The same with names that it shares with others.
    pub(crate) fn with_labels(mut self, labels: Option<Labels>) -> Self {
        if labels.is_some() {
            self.special.get_or_insert_default().labels = labels;
        }
        self
    }

    /// The names that it shares with others.
    pub(crate) fn labels(&self) -> Option<&Labels> {
        self.special.as_ref()?.labels.as_ref()
    }

    /// Whether it has rates of its own.
    pub(crate) fn has_quotas(&self) -> bool {
        !self.quotas().is_empty()
    }

    fn quotas(&self) -> &[Quota] {
        self.special.as_ref().map_or(&[], |special| &special.quotas)
    }

    /// Puts its rates in force. What was used of earlier ones stays used.
    pub(crate) fn adopt_quotas(&self, now: Time) {
        if self.has_quotas() {
            self.endpoint.usage_from(now, || [0, 0]);
        }
        if let Some(usage) = self.endpoint.usage() {
            usage.adopt(self.quotas(), now);
        }
    }

    /// Whether its own limits let a request of this cost in.
    pub(crate) fn look(&self, cost: u64, now: Time) -> Result<(), Spent> {
        self.endpoint.usage().map_or(Ok(()), |usage| usage.look(cost, now))
    }

    /// What is left of its own limits, if it has any.
    pub(crate) fn left(&self, now: Time) -> Option<Left> {
        self.endpoint.usage().map(|usage| usage.left(now))
    }

    /// Whether the cap lets one request more in.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.cap == NO_CAP || self.counted() < self.cap
    }

    /// Requests in flight that were let in under a cap, or under a bound on the load.
    pub(crate) fn counted(&self) -> u32 {
        self.endpoint.counted()
    }

    /// One more request in flight, unless the cap is reached: dropping what this returns ends it.
    #[inline]
    pub(crate) fn try_enter(&self) -> Option<InFlight> {
        let counted = self.cap != NO_CAP;
        (!counted || self.try_count(|_| true)).then(|| self.in_flight_here(counted))
    }

    /// The same, charged to its own limits.
    pub(crate) fn try_enter_charged(&self, cost: u64, now: Time) -> Option<InFlight> {
        self.charged(self.try_enter()?, cost, now)
    }

    /// The same, counted in any case, and unless `admits` says no to the requests that are.
    pub(crate) fn try_enter_within(
        &self,
        admits: impl Fn(u32) -> bool,
        cost: u64,
        now: Time,
    ) -> Option<InFlight> {
        let entered = self.try_count(admits).then(|| self.in_flight_here(true))?;
        self.charged(entered, cost, now)
    }

    fn in_flight_here(&self, counted: bool) -> InFlight {
        InFlight { endpoint: self.enter(), counted, trial: false, ticket: None, arrival: None }
    }

    fn charged(&self, mut entered: InFlight, cost: u64, now: Time) -> Option<InFlight> {
        if let Some(usage) = self.endpoint.usage() {
            entered.ticket = Some(Box::new(usage.charge(cost, now)?));
        }
        Some(entered)
    }

    #[cold]
    fn try_count(&self, admits: impl Fn(u32) -> bool) -> bool {
        let one_more = |counted| (counted < self.cap && admits(counted)).then_some(counted + 1);
        // Acquire pairs with whoever left.
        self.endpoint.counted.fetch_update(Ordering::Acquire, Ordering::Relaxed, one_more).is_ok()
    }

    fn list(endpoint: Arc<Endpoint>, weight: u32) -> Self {
        endpoint.listed.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a weight is compared, not counted")]
        let inverse_weight = 1.0 / weight as f32;
        Self { weight, inverse_weight, cap: NO_CAP, special: None, endpoint }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) const fn weight(&self) -> u32 {
        self.weight
    }

    /// 1 / weight: what scores are multiplied by.
    pub(crate) const fn inverse_weight(&self) -> f32 {
        self.inverse_weight
    }

    /// One more request in flight: dropping what this returns ends it.
    pub(crate) fn enter(&self) -> Arc<Endpoint> {
        Arc::clone(&self.endpoint)
    }

    /// Requests in flight. While an update runs, one listing more or less may show for a moment.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        let listed = self.endpoint.listed.load(Ordering::Relaxed);
        let references = u32::try_from(Arc::strong_count(&self.endpoint)).unwrap_or(u32::MAX);
        references.saturating_sub(listed)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.endpoint.listed.fetch_sub(1, Ordering::Relaxed);
    }
}

const NO_CAP: u32 = u32::MAX;

#[cfg(all(test, loom))]
mod models {
    use loom::thread;

    use super::*;

    /// However requests come and go, a cap holds; and the place of one that has gone is free.
    #[test]
    fn never_more_in_flight_than_the_cap() {
        loom::model(|| {
            let member = Arc::new(Member::new("a", 1).with_cap(Some(1)));
            let first = member.try_enter();
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let member = Arc::clone(&member);
                    thread::spawn(move || {
                        let entered = member.try_enter();
                        assert!(member.counted() <= 1);
                        entered.is_some()
                    })
                })
                .collect();
            drop(first);
            threads
                .into_iter()
                .for_each(|thread| assert!(thread.join().is_ok(), "the thread does not panic"));
            assert_eq!(member.counted(), 0);
            assert!(member.try_enter().is_some());
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_reached_and_left() {
        let member = Member::new("a", 1).with_cap(Some(2));
        let (first, second) = (member.try_enter(), member.try_enter());
        assert!(first.is_some() && second.is_some() && member.try_enter().is_none() && !member.has_room());
        drop(first);
        let listed_again = member.relist(1).with_cap(Some(1));
        assert!(listed_again.try_enter().is_none(), "the same requests count under a lower cap");
        drop(second);
        assert!(listed_again.try_enter().is_some());
    }

    #[test]
    fn in_flight_counts_leases_and_not_listings() {
        let first = Member::new("a", 1);
        let lease = first.enter();
        let second = first.relist(3);
        assert_eq!((first.in_flight(), second.in_flight()), (1, 1));
        drop(first);
        assert_eq!((second.in_flight(), second.weight()), (1, 3));
        drop(lease);
        assert_eq!(second.in_flight(), 0);
    }

    #[test]
    fn a_lease_outlives_the_listing() {
        let member = Member::new("http://10.0.0.1:80", 1);
        let lease = member.enter();
        drop(member);
        assert_eq!(lease.address(), "http://10.0.0.1:80");
    }
}

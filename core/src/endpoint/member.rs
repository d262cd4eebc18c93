//! An endpoint as one snapshot lists it: the shared state, and the settings of that snapshot.

use std::sync::Arc;

use super::Endpoint;
use crate::sync::Ordering;

/// One place in a pool's list.
///
/// A request in flight holds one reference to the endpoint, and so does each snapshot that lists it. So the requests in
/// flight are the reference count less the listings: one atomic step both counts a request and keeps its endpoint alive
/// after an update has removed it. (tower counts its load the same way.)
#[derive(Debug)]
pub(crate) struct Member {
    weight: u32,
    inverse_weight: f32,
    endpoint: Arc<Endpoint>,
}

impl Member {
    /// Lists an endpoint that is new to its pool.
    pub(crate) fn new(address: &str, weight: u32) -> Self {
        Self::list(Arc::new(Endpoint::new(address)), weight)
    }

    /// Lists the same endpoint once more, with its state, under another weight.
    pub(crate) fn relist(&self, weight: u32) -> Self {
        Self::list(Arc::clone(&self.endpoint), weight)
    }

    fn list(endpoint: Arc<Endpoint>, weight: u32) -> Self {
        endpoint.listed.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a weight is compared, not counted")]
        let inverse_weight = 1.0 / weight as f32;
        Self { weight, inverse_weight, endpoint }
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

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

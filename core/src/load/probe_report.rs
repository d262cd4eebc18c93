//! What an endpoint says of its own load.

use std::time::Duration;

/// The answer to a probe: requests in flight at the endpoint, from all of its callers, and how long the next one would take.
///
/// On the wire (`tenantry-tower`): `{"rif": 3, "latency_us": 80500}`; the latency may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    rif: u32,
    latency: Option<Duration>,
}

impl ProbeReport {
    /// So many requests in flight; the latency is not known yet, which counts as none.
    #[must_use]
    pub const fn new(rif: u32) -> Self {
        Self { rif, latency: None }
    }

    /// The latency that requests saw of late that came in at about this load: the median.
    #[must_use]
    pub const fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = Some(latency);
        self
    }

    /// Requests in flight.
    #[must_use]
    pub const fn rif(&self) -> u32 {
        self.rif
    }

    /// The latency, if there were requests to tell.
    #[must_use]
    pub const fn latency(&self) -> Option<Duration> {
        self.latency
    }
}

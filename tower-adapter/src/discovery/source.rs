//! Where endpoints are learnt from.

use std::{
    future::{Future, pending},
    time::Duration,
};

use tenantry::EndpointSpec;

use super::DiscoveryError;

/// Somebody who knows a pool's endpoints. [`Discoverer`](super::Discoverer) asks, and hands every answer to the balancer.
///
/// ```
/// use std::time::Duration;
/// use tenantry::EndpointSpec;
/// use tenantry_tower::discovery::{DiscoveryError, Found, Source};
///
/// /// A registry that is asked every ten seconds.
/// struct Registry;
///
/// impl Source for Registry {
///     fn name(&self) -> String {
///         "registry".to_owned()
///     }
///
///     async fn find(&mut self) -> Result<Found, DiscoveryError> {
///         let addresses = ["http://10.0.0.1:8080", "http://10.0.0.2:8080"]; // what it says
///         Ok(Found::new(addresses.map(EndpointSpec::new)).with_ttl(Duration::from_secs(10)))
///     }
/// }
/// ```
pub trait Source: Send + 'static {
    /// What statuses and events call it, as in `dns http://api.internal:8080`.
    fn name(&self) -> String;

    /// All of the endpoints. Called one call after the other, never earlier than the answer before says; one whose answers have no time to live waits here until there is
    /// something new. Each call ends by itself, also where nobody answers.
    fn find(&mut self) -> impl Future<Output = Result<Found, DiscoveryError>> + Send;

    /// Ends when asking is worth while before it is due. Dropped and called again at will. Never ends by default.
    fn changed(&mut self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// What a [`Source`] has found: all of its endpoints, not only the new ones. Of one address that comes twice the first counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub(super) endpoints: Vec<EndpointSpec>,
    pub(super) ttl: Option<Duration>,
    pub(super) problem: Option<DiscoveryError>,
}

impl Found {
    /// These endpoints. Without a [time to live](Self::with_ttl), [`Source::find`] is called again at once and has to wait itself.
    pub fn new(endpoints: impl IntoIterator<Item = EndpointSpec>) -> Self {
        Self { endpoints: endpoints.into_iter().collect(), ttl: None, problem: None }
    }

    /// For how long they can be used, before the bounds of [`DiscoverySpec`](tenantry::DiscoverySpec).
    #[must_use]
    pub const fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The answer can be used, but a part of it could not be had. Seen in the status; no failure.
    #[must_use]
    pub fn with_problem(mut self, problem: DiscoveryError) -> Self {
        self.problem = Some(problem);
        self
    }

    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &[EndpointSpec] {
        &self.endpoints
    }

    /// For how long they can be used.
    #[must_use]
    pub const fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// What could not be had.
    #[must_use]
    pub const fn problem(&self) -> Option<&DiscoveryError> {
        self.problem.as_ref()
    }
}

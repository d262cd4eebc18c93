//! How a pool's endpoints are asked whether they serve.

use std::{num::NonZeroU16, time::Duration};

use super::{CheckKind, CheckScheme, HttpCheck, InitialHealth, kind::host};
use crate::config::{
    ConfigError,
    bounds::{LONGEST, Ratio, SHORTEST, number, period, ratio},
};

/// A pool's health checks: what an endpoint is asked, how often, and how many answers in a row count. In the document: `health = { probe = { http = "/healthz", every = "5s" } }`.
///
/// The core asks nobody itself: whoever runs [`Balancer::health_checks`](crate::Balancer::health_checks) does, such as `tenantry-tower`'s `HealthChecker`. As long as nobody does, endpoints stay as they are. (The probes
/// of [`PrequalSpec`](crate::PrequalSpec) are something else: they ask for load, as often as there are requests.)
///
/// ```
/// use std::time::Duration;
/// use tenantry::{HealthCheckSpec, HttpCheck, PoolSpec};
///
/// let check = HttpCheck::new("/healthz").with_host("api.internal").with_body("ready");
/// let pool = PoolSpec::new(["http://10.0.0.1:8080"])
///     .with_health_check(HealthCheckSpec::from(check).with_every(Duration::from_secs(2)));
/// # assert_eq!(pool.health_check().map(|check| check.rise()), Some(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheckSpec {
    kind: CheckKind,
    port: Option<NonZeroU16>,
    scheme: CheckScheme,
    server_name: Option<Box<str>>,
    every: Duration,
    every_in_doubt: Option<Duration>,
    every_unhealthy: Option<Duration>,
    every_idle: Option<Duration>,
    jitter: Ratio,
    timeout: Duration,
    rise: u32,
    fall: u32,
    initial: InitialHealth,
}

impl HealthCheckSpec {
    /// Checks of this kind, with all defaults: every 5 s, 1 s in doubt, ± 10 %, 2 s for an answer, two successes and three failures in a row.
    #[must_use]
    pub const fn new(kind: CheckKind) -> Self {
        Self {
            kind,
            port: None,
            scheme: CheckScheme::AsAddress,
            server_name: None,
            every: Duration::from_secs(5),
            every_in_doubt: None,
            every_unhealthy: None,
            every_idle: None,
            jitter: Ratio(100_000),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 3,
            initial: InitialHealth::Healthy,
        }
    }

    /// By HTTP: `GET` of this path is answered with 200 to 299.
    #[must_use]
    pub fn http(path: impl Into<Box<str>>) -> Self {
        Self::new(CheckKind::Http(HttpCheck::new(path)))
    }

    /// By TCP: a connection is accepted.
    #[must_use]
    pub const fn tcp() -> Self {
        Self::new(CheckKind::Tcp)
    }

    /// By TLS: a handshake succeeds.
    #[must_use]
    pub const fn tls() -> Self {
        Self::new(CheckKind::Tls)
    }

    /// By `grpc.health.v1`: this service says that it is serving; empty: the server as a whole.
    #[must_use]
    pub fn grpc(service: impl Into<Box<str>>) -> Self {
        Self::new(CheckKind::Grpc(service.into()))
    }

    /// By a function of this name that whoever runs the checks has.
    #[must_use]
    pub fn custom(name: impl Into<Box<str>>) -> Self {
        Self::new(CheckKind::Custom(name.into()))
    }

    /// Asks at this port instead of the address's own. Default: none.
    #[must_use]
    pub const fn with_port(mut self, port: NonZeroU16) -> Self {
        self.port = Some(port);
        self
    }

    /// Whether HTTP and gRPC checks go over TLS. Default [`CheckScheme::AsAddress`].
    #[must_use]
    pub const fn with_scheme(mut self, scheme: CheckScheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// The name that TLS asks for, and that the certificate must be for. Default: that of the pool's requests, where whoever runs the checks knows one; else the check's host, or the address's.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// How often an endpoint is checked, from 1 ms to a day. First checks are spread over this, too. Default 5 s.
    #[must_use]
    pub const fn with_every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How often while the last check contradicts what is held of the endpoint, so that it is soon known. Default: a fifth of [`with_every`](Self::with_every), but
    /// no less than 1 s unless that is more.
    #[must_use]
    pub const fn with_every_in_doubt(mut self, every: Duration) -> Self {
        self.every_in_doubt = Some(every);
        self
    }

    /// How often while its checks fail. Default: as ever.
    #[must_use]
    pub const fn with_every_unhealthy(mut self, every: Duration) -> Self {
        self.every_unhealthy = Some(every);
        self
    }

    /// How often while it is healthy and no request has gone there since the last check. Default: as ever.
    #[must_use]
    pub const fn with_every_idle(mut self, every: Duration) -> Self {
        self.every_idle = Some(every);
        self
    }

    /// By how much intervals vary, as a share of them in both directions. From 0 to 0.5, default 0.1.
    #[must_use]
    pub const fn with_jitter(mut self, share: f64) -> Self {
        self.jitter = Ratio::new(share);
        self
    }

    /// When a check without an answer has failed, from 1 ms to an hour; connecting counts. Default 2 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Successes in a row after which an endpoint that has failed serves again. From 1 to 1000, default 2.
    #[must_use]
    pub const fn with_rise(mut self, checks: u32) -> Self {
        self.rise = checks;
        self
    }

    /// Failures in a row after which an endpoint is left out. From 1 to 1000, default 3.
    #[must_use]
    pub const fn with_fall(mut self, checks: u32) -> Self {
        self.fall = checks;
        self
    }

    /// What is held of an endpoint before its first check. Default [`InitialHealth::Healthy`].
    #[must_use]
    pub const fn with_initial(mut self, initial: InitialHealth) -> Self {
        self.initial = initial;
        self
    }

    /// What is asked.
    #[must_use]
    pub const fn kind(&self) -> &CheckKind {
        &self.kind
    }

    /// The port to ask at, if it is not the address's.
    #[must_use]
    pub const fn port(&self) -> Option<NonZeroU16> {
        self.port
    }

    /// Whether it goes over TLS.
    #[must_use]
    pub const fn scheme(&self) -> CheckScheme {
        self.scheme
    }

    /// The name for TLS, if it is not the host's.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// How often an endpoint is checked.
    #[must_use]
    pub const fn every(&self) -> Duration {
        self.every
    }

    /// How often in doubt.
    #[must_use]
    pub fn every_in_doubt(&self) -> Duration {
        self.every_in_doubt.unwrap_or_else(|| (self.every / 5).max(Duration::from_secs(1)).min(self.every))
    }

    /// How often while its checks fail.
    #[must_use]
    pub fn every_unhealthy(&self) -> Duration {
        self.every_unhealthy.unwrap_or(self.every)
    }

    /// How often without traffic.
    #[must_use]
    pub fn every_idle(&self) -> Duration {
        self.every_idle.unwrap_or(self.every)
    }

    /// By how much intervals vary.
    #[must_use]
    pub const fn jitter(&self) -> f64 {
        self.jitter.get()
    }

    pub(crate) const fn jitter_millionths(&self) -> u32 {
        self.jitter.millionths()
    }

    /// When a check without an answer has failed.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Successes that bring an endpoint back.
    #[must_use]
    pub const fn rise(&self) -> u32 {
        self.rise
    }

    /// Failures that leave it out.
    #[must_use]
    pub const fn fall(&self) -> u32 {
        self.fall
    }

    /// What is held of a newcomer.
    #[must_use]
    pub const fn initial(&self) -> InitialHealth {
        self.initial
    }

    pub(in crate::config) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        self.kind.validate(path)?;
        if let Some(name) = &self.server_name {
            host(&format!("{path}.server_name"), name)?;
        }
        if self.scheme != CheckScheme::AsAddress && !self.kind.speaks_http() {
            let fix = "leave it out: it tells HTTP and gRPC checks whether to use TLS";
            return Err(ConfigError::new(format!("{path}.scheme"), "", fix));
        }
        let intervals = [
            ("every", Some(self.every)),
            ("every_in_doubt", self.every_in_doubt),
            ("every_unhealthy", self.every_unhealthy),
            ("every_idle", self.every_idle),
        ];
        for (field, every) in intervals {
            every.map_or(Ok(()), |every| period(path, field, every, SHORTEST..=LONGEST))?;
        }
        ratio(path, "jitter", self.jitter(), 0.0..=0.5)?;
        period(path, "timeout", self.timeout, SHORTEST..=Duration::from_secs(3_600))?;
        number(path, "rise", self.rise, 1..=1_000)?;
        number(path, "fall", self.fall, 1..=1_000)
    }
}

impl From<HttpCheck> for HealthCheckSpec {
    fn from(check: HttpCheck) -> Self {
        Self::new(CheckKind::Http(check))
    }
}

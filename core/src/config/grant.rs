//! Which pools a tenant may use, and when.

use std::time::Duration;

use super::{ConfigError, error::quoted};
use crate::time::nanos;

/// Leave to use a pool, for a time or for good.
///
/// In the document: the pool's name, or a table `{ pool = "gpu", from = "2026-12-01T00:00:00Z", until = "2027-01-01T00:00:00Z" }` with
/// moments by RFC 3339, of which either may be left out.
///
/// ```
/// use std::time::Duration;
/// use tenantry::{Grant, TenantSpec};
///
/// let december = Grant::of("gpu").from(Duration::from_secs(1_796_083_200)).until(Duration::from_secs(1_798_761_600));
/// let acme = TenantSpec::new().with_pools([Grant::of("api"), december]);
/// assert_eq!(acme.pools().map(<[Grant]>::len), Some(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pool: String,
    from: Duration,
    until: Option<Duration>,
}

impl Grant {
    /// Leave for good.
    #[must_use]
    pub fn of(pool: impl Into<String>) -> Self {
        Self { pool: pool.into(), from: Duration::ZERO, until: None }
    }

    /// Not before this moment, since 1970. Default: at any time.
    #[must_use]
    pub const fn from(mut self, unix: Duration) -> Self {
        self.from = unix;
        self
    }

    /// Only before this moment, since 1970. Requests that are in then stay. Default: for good.
    #[must_use]
    pub const fn until(mut self, unix: Duration) -> Self {
        self.until = Some(unix);
        self
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// From when on, since 1970; zero: at any time.
    #[must_use]
    pub const fn starts(&self) -> Duration {
        self.from
    }

    /// Until when, since 1970.
    #[must_use]
    pub const fn ends(&self) -> Option<Duration> {
        self.until
    }

    /// From when to when, in nanoseconds since 1970.
    pub(crate) fn time(&self) -> (u64, u64) {
        (nanos(self.from), self.until.map_or(u64::MAX, nanos))
    }

    pub(super) fn validate(&self, path: &str, pools: &[&str]) -> Result<(), ConfigError> {
        if !pools.contains(&self.pool.as_str()) {
            let fix = format!("name one of the pools: {}", pools.join(", "));
            return Err(ConfigError::new(path, quoted(&self.pool), fix));
        }
        match self.until.filter(|&until| until <= self.from) {
            Some(until) => {
                let fix = "give a moment after `from`, or leave the pool out";
                Err(ConfigError::new(
                    format!("{path}.until"),
                    format!("{}s since 1970", until.as_secs()),
                    fix,
                ))
            }
            None => Ok(()),
        }
    }
}

impl<T: Into<String>> From<T> for Grant {
    fn from(pool: T) -> Self {
        Self::of(pool)
    }
}

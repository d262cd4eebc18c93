//! What becomes of an endpoint that answers "not now, but in so long".

use std::time::Duration;

use super::{
    ConfigError,
    bounds::{LONGEST, period},
};

/// How an endpoint cools down that answers overload and says when to come back ([`Outcome::with_retry_after`](crate::Outcome::with_retry_after)).
/// In the document: `health = { cooldown = "5m" }` for the longest time, `"off"`, or a table `{ scope = "credential", longest = "5m", strict = true }`.
///
/// Others serve meanwhile. Where nobody else can, it is asked all the same, unless the cooldown is [strict](Self::strict) or the pool has a
/// fallback, which then serves. A later answer can make it longer, never shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CooldownSpec {
    scope: CooldownScope,
    longest: Duration,
    strict: bool,
}

/// Who cools down together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CooldownScope {
    /// The endpoint alone.
    #[default]
    Endpoint,
    /// All endpoints of the balancer with the same [credential](crate::EndpointSpec::with_credential): the answer was about the account.
    Credential,
    /// All endpoints of the balancer with the same [model](crate::EndpointSpec::with_model): the answer was about what is behind them.
    Model,
}

impl CooldownSpec {
    /// The defaults: the endpoint alone, at most 300 s, and not strict.
    #[must_use]
    pub const fn new() -> Self {
        Self { scope: CooldownScope::Endpoint, longest: Duration::from_secs(300), strict: false }
    }

    /// No cooldown: what overload answers cost is a penalty to the endpoint's load alone.
    #[must_use]
    pub const fn off() -> Self {
        Self { longest: Duration::ZERO, ..Self::new() }
    }

    /// Who cools down together. Default [`CooldownScope::Endpoint`].
    #[must_use]
    pub const fn with_scope(mut self, scope: CooldownScope) -> Self {
        self.scope = scope;
        self
    }

    /// The longest time that an answer may ask for; more counts as this. Default 300 s, at most a day; zero turns cooldowns off.
    #[must_use]
    pub const fn with_longest(mut self, time: Duration) -> Self {
        self.longest = time;
        self
    }

    /// Nobody is asked before the time that it named. Where all endpoints cool down, `try_acquire` is told when the first returns, and `acquire`
    /// waits for it within its deadline. Default: only as long as somebody else can serve.
    #[must_use]
    pub const fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Who cools down together.
    #[must_use]
    pub const fn scope(&self) -> CooldownScope {
        self.scope
    }

    /// The longest time.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        self.longest
    }

    /// Whether nobody is asked before the time that it named.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.strict
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        period(path, "longest", self.longest, Duration::ZERO..=LONGEST)
    }
}

impl Default for CooldownSpec {
    fn default() -> Self {
        Self::new()
    }
}

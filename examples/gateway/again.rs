//! A route's `retry` and `hedge`: when its requests are sent again.

use std::{num::NonZeroU32, time::Duration};

use http::response::Parts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_tower::{
    balance,
    hedge::{HedgePolicy, Percentile},
    proxy,
    retry::{HttpClassifier, RetryPolicy, Verdict},
};

use crate::values::Span;

/// `retry = { attempts = 3, try_timeout = "2s", timeout = "10s", longest_wait = "5s", body_limit = 65536, internal_errors = true }`; each key may be left out, and what is left out is as the library has it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    attempts: NonZeroU32,
    try_timeout: Option<Span>,
    timeout: Option<Span>,
    longest_wait: Span,
    body_limit: usize,
    /// Whether a 500 has failed, too.
    internal_errors: bool,
}

/// `hedge = "p95"` (or `"p90"`, `"p99"`), or a fixed delay, as `"50ms"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^(p90|p95|p99|[0-9]+(ms|s|m|h))$"))]
pub struct Hedge(After);

#[derive(Clone, Copy, Debug)]
enum After {
    Percentile(Percentile),
    Delay(Duration),
}

impl Retry {
    /// When and how often its requests are tried again.
    #[must_use]
    pub fn policy(&self) -> RetryPolicy {
        let Span(longest_wait) = self.longest_wait;
        let policy = RetryPolicy::new()
            .with_attempts(self.attempts)
            .with_longest_wait(longest_wait)
            .with_body_limit(self.body_limit);
        let policy =
            self.try_timeout.into_iter().fold(policy, |policy, Span(time)| policy.with_try_timeout(time));
        self.timeout.into_iter().fold(policy, |policy, Span(time)| policy.with_timeout(time))
    }

    /// What has failed.
    #[must_use]
    pub fn classifier(&self) -> HttpClassifier {
        let classifier = HttpClassifier::default();
        if self.internal_errors { classifier.with_internal_errors() } else { classifier }
    }
}

/// What an endpoint says that it has not looked at, whether its route has `retry` or not: over HTTP/2 a server that closes a connection says so to requests on their way.
pub(crate) fn unseen() -> RetryPolicy {
    RetryPolicy::new().with_attempts(MOST_UNSEEN).with_body_limit(KEPT_UNSEEN)
}

/// Nothing else has failed.
pub(crate) const fn is_unseen(ended: Result<&Parts, &balance::Error<proxy::Error>>) -> Verdict {
    match ended {
        Err(balance::Error::Service(proxy::Error::Unprocessed(_))) => Verdict::Unsent,
        _ => Verdict::Final,
    }
}

/// A server that closes a connection after twenty requests closes out one in seven of a dozen clients' each time.
const MOST_UNSEEN: NonZeroU32 = NonZeroU32::new(4).expect("four is more than zero");
/// Less than where retries are asked for: every request's body is kept so.
const KEPT_UNSEEN: usize = 16 << 10;

impl Default for Retry {
    fn default() -> Self {
        let policy = RetryPolicy::new();
        Self {
            attempts: policy.attempts(),
            try_timeout: None,
            timeout: None,
            longest_wait: Span(policy.longest_wait()),
            body_limit: policy.body_limit(),
            internal_errors: false,
        }
    }
}

impl Hedge {
    /// As the library has it.
    #[must_use]
    pub fn policy(self) -> HedgePolicy {
        match self.0 {
            After::Percentile(percentile) => HedgePolicy::at(percentile),
            After::Delay(delay) => HedgePolicy::after(delay),
        }
    }
}

impl From<Hedge> for String {
    fn from(Hedge(after): Hedge) -> Self {
        match after {
            After::Percentile(Percentile::P90) => "p90".to_owned(),
            After::Percentile(Percentile::P99) => "p99".to_owned(),
            After::Percentile(_) => "p95".to_owned(),
            After::Delay(delay) => Span(delay).into(),
        }
    }
}

impl TryFrom<String> for Hedge {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let after = match &*text {
            "p90" => After::Percentile(Percentile::P90),
            "p95" => After::Percentile(Percentile::P95),
            "p99" => After::Percentile(Percentile::P99),
            _ => {
                let fix = "write \"p90\", \"p95\" or \"p99\", or a delay, as \"50ms\"";
                After::Delay(Span::try_from(text).map_err(|_| fix)?.0)
            }
        };
        Ok(Self(after))
    }
}

//! Why a request may not run now, and when to come back.

use std::{error, fmt, time::Duration};

/// Why not. A request that is refused on the spot has consumed nothing. One that waited and timed out has given back its seat
/// and as much of its charge as has not come back by itself.
///
/// ```
/// use std::time::Duration;
/// use tenantry::Rejection;
///
/// let rejection = Rejection::RateLimited { retry_after: Duration::from_millis(250) };
/// assert_eq!(rejection.code(), "RATE_LIMITED");
/// assert_eq!(rejection.retry_after(), Some(Duration::from_millis(250)));
/// assert!(!rejection.is_permanent());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// No tenant has this id, and none is made for unknown ids.
    UnknownTenant,
    /// No pool has this name, or none was named where there are several.
    UnknownPool,
    /// The tenant may not use this pool.
    PoolForbidden,
    /// A rate quota is spent.
    RateLimited {
        /// The same request passes after this long, and not a nanosecond before, if nothing else happens.
        retry_after: Duration,
    },
    /// The request asks for more than a limit ever has at once: it can never pass.
    CostTooHigh {
        /// The most that one request may ask for.
        limit: u64,
    },
    /// A budget is spent.
    BudgetExhausted {
        /// The same request passes after this long, and not a nanosecond before, if nothing else happens.
        retry_after: Duration,
    },
    /// The tenant has made as many retries in this pool as its requests there allow.
    RetryBudgetExhausted {
        /// The same request passes after this long, and not a nanosecond before, if nothing else happens; `None`: only further
        /// requests that are no retries make room, time alone does not.
        retry_after: Option<Duration>,
    },
    /// The tenant has made as many hedges in this pool as its requests there allow.
    HedgeBudgetExhausted {
        /// As for [`RetryBudgetExhausted`](Self::RetryBudgetExhausted).
        retry_after: Option<Duration>,
    },
    /// The request declares an amount of something that is no dimension of the configuration.
    UnknownDimension,
    /// The tenant has as many requests inside (waiting or in flight) as it may.
    TooManyInFlight {
        /// The cap that is reached: the tenant's own, or that of a parent, which counts everybody beneath it.
        limit: u32,
    },
    /// Every seat is taken, and the caller did not want to wait.
    Saturated,
    /// Every seat is taken, and so is every place in the queue that this tenant may have.
    QueueFull,
    /// The deadline came while the request waited for a seat.
    TimedOut,
    /// The request would wait for its seat beyond its deadline, as fast as the queue moves now: it was not let in at all.
    WouldTimeOut {
        /// How much longer than its deadline allows it would wait.
        retry_after: Duration,
    },
    /// The limits of the endpoints themselves, configured or told by them, are spent: nobody gets in.
    UpstreamLimited {
        /// The same request passes after this long, and not a nanosecond before, if nothing else happens.
        retry_after: Duration,
    },
    /// The pool has no endpoint that can serve.
    NoEndpoint,
}

impl Rejection {
    /// Whether it is the pool that cannot serve, whoever asks: another pool may.
    pub(crate) const fn is_of_the_pool(&self) -> bool {
        matches!(
            self,
            Self::Saturated
                | Self::QueueFull
                | Self::WouldTimeOut { .. }
                | Self::UpstreamLimited { .. }
                | Self::NoEndpoint
        )
    }

    /// Every [code](Self::code) that there is.
    pub const CODES: [&str; 16] = [
        "UNKNOWN_TENANT",
        "UNKNOWN_POOL",
        "POOL_FORBIDDEN",
        "RATE_LIMITED",
        "COST_TOO_HIGH",
        "BUDGET_EXHAUSTED",
        "RETRY_BUDGET_EXHAUSTED",
        "HEDGE_BUDGET_EXHAUSTED",
        "UNKNOWN_DIMENSION",
        "TOO_MANY_IN_FLIGHT",
        "SATURATED",
        "QUEUE_FULL",
        "TIMED_OUT",
        "WOULD_TIME_OUT",
        "UPSTREAM_LIMITED",
        "NO_ENDPOINT",
    ];

    /// The variant's name as a stable code: what Node's `code` and HTTP problem bodies carry.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        Self::CODES[self.index()]
    }

    /// The place of its code among all.
    pub(crate) const fn index(&self) -> usize {
        match self {
            Self::UnknownTenant => 0,
            Self::UnknownPool => 1,
            Self::PoolForbidden => 2,
            Self::RateLimited { .. } => 3,
            Self::CostTooHigh { .. } => 4,
            Self::BudgetExhausted { .. } => 5,
            Self::RetryBudgetExhausted { .. } => 6,
            Self::HedgeBudgetExhausted { .. } => 7,
            Self::UnknownDimension => 8,
            Self::TooManyInFlight { .. } => 9,
            Self::Saturated => 10,
            Self::QueueFull => 11,
            Self::TimedOut => 12,
            Self::WouldTimeOut { .. } => 13,
            Self::UpstreamLimited { .. } => 14,
            Self::NoEndpoint => 15,
        }
    }

    /// When the same request would pass, where that is known; for [`WouldTimeOut`](Self::WouldTimeOut) an estimate.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after }
            | Self::BudgetExhausted { retry_after }
            | Self::UpstreamLimited { retry_after }
            | Self::WouldTimeOut { retry_after } => Some(*retry_after),
            Self::RetryBudgetExhausted { retry_after } | Self::HedgeBudgetExhausted { retry_after } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// Whether trying again is useless until the configuration changes.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::UnknownTenant
                | Self::UnknownPool
                | Self::PoolForbidden
                | Self::CostTooHigh { .. }
                | Self::UnknownDimension
        )
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTenant => f.write_str("no such tenant"),
            Self::UnknownPool => f.write_str("no such pool"),
            Self::PoolForbidden => f.write_str("the tenant may not use this pool"),
            Self::RateLimited { retry_after } => {
                write!(f, "the tenant's rate is spent; it returns in {retry_after:?}")
            }
            Self::CostTooHigh { limit } => {
                write!(f, "the request costs more than the {limit} that one request may cost")
            }
            Self::BudgetExhausted { retry_after } => {
                write!(f, "the tenant's budget is spent; it returns in {retry_after:?}")
            }
            Self::RetryBudgetExhausted { retry_after } => write_spent(f, "retries", *retry_after),
            Self::HedgeBudgetExhausted { retry_after } => write_spent(f, "hedges", *retry_after),
            Self::UnknownDimension => f.write_str("the request declares an amount of no known dimension"),
            Self::TooManyInFlight { limit } => {
                write!(f, "the tenant, or a parent of it, has the {limit} requests inside that it may have")
            }
            Self::Saturated => f.write_str("every seat of the pool is taken"),
            Self::QueueFull => f.write_str("every seat of the pool is taken and its queue is full"),
            Self::TimedOut => f.write_str("the deadline came while the request waited for a seat"),
            Self::WouldTimeOut { retry_after } => {
                write!(f, "the request would wait {retry_after:?} longer for a seat than its deadline allows")
            }
            Self::UpstreamLimited { retry_after } => {
                write!(
                    f,
                    "the limits of the pool's endpoints are spent; the first returns in {retry_after:?}"
                )
            }
            Self::NoEndpoint => f.write_str("the pool has no endpoint that can serve"),
        }
    }
}

impl error::Error for Rejection {}

fn write_spent(f: &mut fmt::Formatter<'_>, what: &str, retry_after: Option<Duration>) -> fmt::Result {
    write!(f, "the tenant's budget for {what} in this pool is spent; ")?;
    match retry_after {
        Some(wait) => write!(f, "it returns in {wait:?}"),
        None => f.write_str("only further requests make room"),
    }
}

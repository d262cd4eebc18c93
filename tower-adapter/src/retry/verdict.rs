use std::time::Duration;

/// What the end of an attempt means for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It stands: it is a success, or another attempt would end alike.
    Final,
    /// It failed before any endpoint looked at it: another attempt is safe, whatever the request does.
    Unsent,
    /// It failed, and the endpoint may have done the work all the same: another attempt is safe if the request is idempotent.
    Failed {
        /// How long whoever answered asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The balancer refused it; no endpoint has seen it.
    Refused {
        /// When it would be let in, where that is known.
        retry_after: Option<Duration>,
    },
}

impl Verdict {
    /// A failure after which another attempt need not wait.
    pub const FAILED: Self = Self::Failed { retry_after: None };

    pub(super) const fn wait(self) -> Option<Duration> {
        match self {
            Self::Final | Self::Unsent => None,
            Self::Failed { retry_after } | Self::Refused { retry_after } => retry_after,
        }
    }
}

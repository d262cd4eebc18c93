use std::{fmt, num::NonZeroU32, time::Duration};

use serde::Serialize;

/// What somebody may be banned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// Credentials that prove nothing, or are missing, many in a short time.
    Authentication,
    /// Many different credentials or tenants that nobody has.
    Enumeration,
    /// Routes, methods and pools that are not for this client; paths that are written to be misread.
    Probing,
    /// Places that do not exist, above all those that scanners look for.
    Scanning,
    /// A tenant's rate, far above its own history.
    Rate,
}

/// What becomes of those who break a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Nothing is counted.
    Off,
    /// It is told, and nobody is banned.
    Shadow,
    /// They are banned.
    #[default]
    Enforce,
}

/// How much is too much.
///
/// It is a leaky bucket: so many offences at once are a breach, and what was counted leaks away evenly over the window. Whoever makes fewer than `limit` in
/// every window is never banned; whoever makes twice as many in one always is. Offences that happen to honest clients, too, count less than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleSpec {
    pub(super) limit: NonZeroU32,
    pub(super) window: Duration,
    pub(super) mode: Mode,
}

impl RuleSpec {
    /// So many in this time are a breach.
    #[must_use]
    pub const fn new(limit: NonZeroU32, window: Duration) -> Self {
        Self { limit, window, mode: Mode::Enforce }
    }

    /// What becomes of those who break it. Default: [`Mode::Enforce`].
    #[must_use]
    pub const fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// How many are a breach.
    #[must_use]
    pub const fn limit(&self) -> NonZeroU32 {
        self.limit
    }

    /// In how long.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// What becomes of those who break it.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }
}

impl Rule {
    /// All of them, in the order of [`index`](Self::index).
    pub(super) const ALL: [Self; 5] =
        [Self::Authentication, Self::Enumeration, Self::Probing, Self::Scanning, Self::Rate];

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// As metrics and documents have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Enumeration => "enumeration",
            Self::Probing => "probing",
            Self::Scanning => "scanning",
            Self::Rate => "rate",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

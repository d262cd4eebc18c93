//! Why a check has failed.

use std::{error, fmt};

use tenantry::CheckFailure;

/// A health check that has failed: the reason, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFailed {
    reason: CheckFailure,
    evidence: String,
}

impl CheckFailed {
    /// For this reason; the evidence is for whoever reads events.
    pub fn new(reason: CheckFailure, evidence: impl Into<String>) -> Self {
        Self { reason, evidence: evidence.into() }
    }

    /// For a reason that only the application knows.
    pub fn other(evidence: impl Into<String>) -> Self {
        Self::new(CheckFailure::Other, evidence)
    }

    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> CheckFailure {
        self.reason
    }

    /// What was seen.
    #[must_use]
    pub fn evidence(&self) -> &str {
        &self.evidence
    }

    /// With an error and all that caused it as the evidence.
    pub(super) fn by(reason: CheckFailure, error: &(dyn error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |&error| error.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        Self::new(reason, causes.join(": "))
    }
}

impl fmt::Display for CheckFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.evidence.is_empty() {
            f.write_str(self.reason.name())
        } else {
            write!(f, "{}: {}", self.reason.name(), self.evidence)
        }
    }
}

impl error::Error for CheckFailed {}

use std::time::Duration;

use serde::Serialize;

use super::{Rule, Subject, event::seconds};

/// A ban in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ban {
    pub(super) subject: Subject,
    pub(super) rule: Option<Rule>,
    #[serde(rename = "remaining_s", serialize_with = "seconds")]
    pub(super) remaining: Duration,
    pub(super) bans: u32,
    pub(super) refused: u64,
}

impl Ban {
    /// Who.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What for; `None`: an operator has said so.
    #[must_use]
    pub const fn rule(&self) -> Option<Rule> {
        self.rule
    }

    /// For how long yet.
    #[must_use]
    pub const fn remaining(&self) -> Duration {
        self.remaining
    }

    /// The how manieth ban in a row it is; 0 where all are an operator's.
    #[must_use]
    pub const fn bans(&self) -> u32 {
        self.bans
    }

    /// How many requests it has refused.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

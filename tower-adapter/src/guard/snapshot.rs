use serde::Serialize;

use super::{Ban, Rule};

/// A guard as it is at one moment; serialisable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuardSnapshot {
    pub(super) rules: Vec<RuleCounts>,
    pub(super) bans: Vec<Ban>,
    pub(super) refused: u64,
    pub(super) displaced: u64,
    pub(super) clients: usize,
    pub(super) tenants: usize,
}

/// What has come of one rule since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RuleCounts {
    pub(super) rule: Rule,
    pub(super) offences: u64,
    pub(super) bans: u64,
    pub(super) shadow_bans: u64,
}

impl GuardSnapshot {
    /// Each rule's counts.
    #[must_use]
    pub fn rules(&self) -> &[RuleCounts] {
        &self.rules
    }

    /// The bans in force, those that end last first.
    #[must_use]
    pub fn bans(&self) -> &[Ban] {
        &self.bans
    }

    /// Requests and connections refused by bans.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Bans that ended early, because others took all the room that bans may have: a guard that is too small.
    #[must_use]
    pub const fn displaced(&self) -> u64 {
        self.displaced
    }

    /// How many clients are remembered now.
    #[must_use]
    pub const fn clients(&self) -> usize {
        self.clients
    }

    /// How many tenants are.
    #[must_use]
    pub const fn tenants(&self) -> usize {
        self.tenants
    }
}

impl RuleCounts {
    /// Which.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }

    /// Requests that were against it. [`Rule::Enumeration`] and [`Rule::Rate`] have none of their own.
    #[must_use]
    pub const fn offences(&self) -> u64 {
        self.offences
    }

    /// Bans for it.
    #[must_use]
    pub const fn bans(&self) -> u64 {
        self.bans
    }

    /// Bans that there would have been.
    #[must_use]
    pub const fn shadow_bans(&self) -> u64 {
        self.shadow_bans
    }
}

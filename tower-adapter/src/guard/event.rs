use std::{fmt, sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

use super::{Mode, Rule, Subject};

/// Somebody has broken a rule: who, what, how often, over which time, and what it looked like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuardEvent {
    pub(super) subject: Subject,
    pub(super) rule: Rule,
    pub(super) mode: Mode,
    pub(super) count: u32,
    #[serde(rename = "over_s", serialize_with = "seconds")]
    pub(super) over: Duration,
    #[serde(rename = "ban_s", serialize_with = "seconds")]
    pub(super) ban: Duration,
    pub(super) bans: u32,
    pub(super) examples: Arc<[Example]>,
    #[serde(rename = "at_unix_s", serialize_with = "seconds")]
    pub(super) at_unix: Duration,
}

/// One request that counted. It holds no header, no query, and no body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    pub(super) code: &'static str,
    pub(super) request: Box<str>,
}

impl Example {
    /// How it was refused.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Its method; and where the path is what counts, the first 64 characters of that.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.request
    }
}

impl GuardEvent {
    /// Who.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }

    /// Whether they are banned, or would be.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// How many offences; of [`Rule::Enumeration`], how many different ids; of [`Rule::Rate`], how many requests a second.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Over which time.
    #[must_use]
    pub const fn over(&self) -> Duration {
        self.over
    }

    /// For how long they are banned, or would be.
    #[must_use]
    pub const fn ban(&self) -> Duration {
        self.ban
    }

    /// The how manieth ban in a row it is.
    #[must_use]
    pub const fn bans(&self) -> u32 {
        self.bans
    }

    /// The last of what counted, the newest last; at most 3.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// When, as the time since 1970.
    #[must_use]
    pub const fn at_unix(&self) -> Duration {
        self.at_unix
    }
}

impl fmt::Display for GuardEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, rule, count, over, ban, .. } = self;
        let what = if self.mode == Mode::Enforce { "is banned" } else { "would be banned" };
        write!(f, "{subject} {what} for {ban:?}: {rule}, {count} over {over:.1?}")
    }
}

pub(super) fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

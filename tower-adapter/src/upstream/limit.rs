//! One limit as a dialect tells it, field by field.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tenantry::UpstreamLimit;

use super::moment::Moment;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Requests,
    Cost,
}

/// The fields of one limit, as far as they are there and make sense.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) limit: Option<u64>,
    pub(super) left: u64,
    pub(super) reset: Option<Moment>,
}

/// One field's name without its prefix and suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Limit,
    Remaining,
    Reset,
}

impl Role {
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("limit", Self::Limit), ("remaining", Self::Remaining), ("reset", Self::Reset)];
}

/// Collects the fields of one limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a> {
    limit: Option<&'a str>,
    left: Option<&'a str>,
    reset: Option<&'a str>,
}

impl<'a> Fields<'a> {
    pub(super) const fn put(&mut self, role: Role, value: Option<&'a str>) {
        match role {
            Role::Limit => self.limit = value,
            Role::Remaining => self.left = value,
            Role::Reset => self.reset = value,
        }
    }

    /// The limit, unless it is one of those that say that nothing is known.
    pub(super) fn found(&self, kind: Kind) -> Option<Found> {
        let void = |text: &str| text.starts_with('-') || text.parse() == Ok(0_u64);
        if self.limit.is_some_and(void) {
            return None;
        }
        let left = self.left?.parse().ok()?;
        let limit = self.limit.and_then(|text| first_number(text)?.parse().ok());
        Some(Found { kind, limit, left, reset: self.reset.and_then(Moment::read) })
    }
}

/// `100` of `100, 100;w=60`, as drafts before 07 wrote limits.
fn first_number(text: &str) -> Option<&str> {
    text.split([',', ';']).next().map(str::trim)
}

/// A field's value, if it is there once, or always the same, in visible ASCII and of reasonable length.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if first.len() > LONGEST || values.any(|other| other != first) {
        return None;
    }
    first.to_str().ok().map(str::trim)
}

/// Of the limits on one thing that of which least is left; of two equal ones, that which returns later.
pub(super) fn scarcest(found: &[Found], kind: Kind, unix: Duration) -> Option<UpstreamLimit> {
    let wait = |found: &Found| found.reset.map_or(Duration::ZERO, |reset| reset.from(unix));
    let of_kind = found.iter().filter(|found| found.kind == kind);
    let scarcest =
        of_kind.min_by(|one, other| one.left.cmp(&other.left).then(wait(other).cmp(&wait(one))))?;
    let limit = UpstreamLimit::left(scarcest.left);
    let limit = match scarcest.limit {
        Some(amount) => limit.with_limit(amount),
        None => limit,
    };
    Some(match scarcest.reset {
        Some(Moment::In(wait)) => limit.resets_in(wait),
        Some(Moment::AtUnix(at)) => limit.resets_at_unix(at),
        None => limit,
    })
}

const LONGEST: usize = 256;

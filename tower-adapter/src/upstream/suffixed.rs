//! `X-RateLimit-Remaining` and its many kin: three fields to a limit, perhaps with a suffix that says what it counts.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::limit::{Fields, Found, Kind, Role, only};

pub(super) fn read(headers: &HeaderMap, found: &mut Vec<Found>) {
    let mut limits: BTreeMap<(usize, &str), Fields<'_>> = BTreeMap::new();
    for name in headers.keys() {
        let Some((family, role, suffix)) = split(name.as_str()) else { continue };
        if limits.len() < MOST_LIMITS || limits.contains_key(&(family, suffix)) {
            limits.entry((family, suffix)).or_default().put(role, only(headers, name));
        }
    }
    found.extend(limits.iter().filter_map(|((_, suffix), fields)| fields.found(kind(suffix)?)));
}

/// Which family, what of it, and the suffix: `x-ratelimit-reset-tokens`.
fn split(name: &str) -> Option<(usize, Role, &str)> {
    let prefixed = |(family, prefix)| name.strip_prefix(prefix).map(|rest| (family, rest));
    let (family, rest) = PREFIXES.into_iter().enumerate().find_map(prefixed)?;
    let (role, suffix) =
        Role::ALL.iter().find_map(|(word, role)| rest.strip_prefix(word).map(|suffix| (*role, suffix)))?;
    let clean = suffix.is_empty() || suffix.starts_with('-');
    clean.then(|| (family, role, suffix.trim_start_matches('-')))
}

/// What a limit of this suffix counts; nothing for what nobody here knows.
fn kind(suffix: &str) -> Option<Kind> {
    let says = |words: &[&str]| suffix.split('-').any(|part| words.contains(&part));
    if says(&["token", "tokens"]) {
        return Some(Kind::Cost);
    }
    let requests = suffix.is_empty() || says(&["request", "requests", "req", "reqs"]);
    (requests || PERIODS.contains(&suffix)).then_some(Kind::Requests)
}

const PREFIXES: [&str; 3] = ["x-ratelimit-", "x-rate-limit-", "ratelimit-"];
const PERIODS: [&str; 6] = ["second", "minute", "hour", "day", "month", "year"];
/// A hostile upstream's are not all read.
const MOST_LIMITS: usize = 16;

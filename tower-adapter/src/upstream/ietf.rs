//! `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers.
//!
//! Since -08 both are lists of policies, `"name";r=50;t=30` and `"name";q=100;w=60;qu="requests"`, matched by their names; before, one line said
//! `limit=100, remaining=50, reset=30`. *Where we differ*: a policy that counts anything but requests (or, as ours, cost) is left
//! out; so is one whose partition key says that it is another's, which cannot be told, so every key counts.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parameters, Parser};

use super::{
    limit::{Found, Kind},
    moment::Moment,
};

pub(super) fn read(headers: &HeaderMap) -> Vec<Found> {
    let Some(text) = joined(headers, &RATE_LIMIT) else { return vec![] };
    let Ok(list) = Parser::new(&text).parse::<List>() else { return one_line(&text).into_iter().collect() };
    let policies = joined(headers, &RATE_LIMIT_POLICY);
    let policies = policies.and_then(|text| Parser::new(&text).parse::<List>().ok()).unwrap_or_default();
    let policies: Vec<&Item> = policies.iter().filter_map(item).collect();
    let found = |left: &Item| {
        let policy = policies.iter().find(|policy| policy.bare_item == left.bare_item);
        let (kind, limit) = match policy {
            Some(policy) => (kind(policy)?, figure(&policy.params, "q")),
            None => (Kind::Requests, None),
        };
        let reset = figure(&left.params, "t").map(|seconds| Moment::In(Duration::from_secs(seconds)));
        Some(Found { kind, limit, left: figure(&left.params, "r")?, reset })
    };
    list.iter().filter_map(item).filter_map(found).collect()
}

fn one_line(text: &str) -> Option<Found> {
    let line: Dictionary = Parser::new(text).parse().ok()?;
    let number = |key: &str| match line.get(key)? {
        ListEntry::Item(item) => whole(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    let reset = number("reset").map(|seconds| Moment::In(Duration::from_secs(seconds)));
    Some(Found { kind: Kind::Requests, limit: number("limit"), left: number("remaining")?, reset })
}

/// A list in several fields is one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> =
        headers.get_all(name).iter().map(|value| value.to_str().ok()).collect::<Option<_>>()?;
    let text = values.join(", ");
    (!values.is_empty() && text.len() <= LONGEST).then_some(text)
}

const fn item(entry: &ListEntry) -> Option<&Item> {
    match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    }
}

fn kind(policy: &Item) -> Option<Kind> {
    match policy.params.get("qu").map(|unit| unit.as_string().map(sfv::StringRef::as_str)) {
        None | Some(Some("requests")) => Some(Kind::Requests),
        Some(Some("cost")) => Some(Kind::Cost),
        Some(_) => None,
    }
}

fn figure(params: &Parameters, key: &str) -> Option<u64> {
    params.get(key).and_then(whole)
}

fn whole(value: &BareItem) -> Option<u64> {
    u64::try_from(i64::from(value.as_integer()?)).ok()
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LONGEST: usize = 4_096;

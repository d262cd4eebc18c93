//! The fields' text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use tenantry::{LimitStatus, RateUnit};

/// How `X-RateLimit-Reset` says when the rate is full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetForm {
    /// In so many seconds, rounded up: right whatever the client's clock shows.
    DeltaSeconds,
    /// At this second of the Unix epoch, rounded up, by this machine's clock: what clients of GitHub's form expect.
    UnixTime,
}

/// Takes off what an upstream says about its limits.
pub(super) fn take_off(headers: &mut HeaderMap) {
    let theirs = |name: &HeaderName| {
        let name = name.as_str();
        // Most names begin otherwise, which one byte tells.
        matches!(name.as_bytes(), [b'r' | b'x' | b'a', ..])
            && (name == "ratelimit" || UPSTREAM.iter().any(|prefix| name.starts_with(prefix)))
    };
    let found: Vec<HeaderName> = headers.keys().filter(|name| theirs(name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Says what is left; `limits` is not empty.
pub(super) fn put_on(headers: &mut HeaderMap, limits: &[LimitStatus], older: Option<ResetForm>) {
    let (policies, left) = texts(limits);
    headers.insert(RATE_LIMIT_POLICY, plain(&policies));
    headers.insert(RATE_LIMIT, plain(&left));
    let Some((form, scarcest)) = older.zip(limits.iter().min_by(|one, other| scarcer(one, other))) else {
        return;
    };
    headers.insert(X_LIMIT, scarcest.amount().into());
    headers.insert(X_REMAINING, scarcest.remaining().into());
    let reset = match form {
        ResetForm::DeltaSeconds => scarcest.full_in(),
        ResetForm::UnixTime => {
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + scarcest.full_in()
        }
    };
    headers.insert(X_RESET, seconds(reset).into());
}

/// The two fields' values.
fn texts(limits: &[LimitStatus]) -> (Text, Text) {
    let (mut policies, mut left) = (Text::new(), Text::new());
    let mut digits = itoa::Buffer::new();
    // Without `format!`: every answer has these fields.
    let mut push = |text: &mut Text, key: &str, number: u64| {
        text.extend_from_slice(key.as_bytes());
        text.extend_from_slice(digits.format(number).as_bytes());
    };
    for (place, limit) in limits.iter().enumerate() {
        let kind = limit.unit().key();
        let number = limits[..=place].iter().filter(|other| other.unit() == limit.unit()).count();
        for text in [&mut policies, &mut left] {
            text.extend_from_slice(if place == 0 { "\"" } else { ", \"" }.as_bytes());
            text.extend_from_slice(kind.as_bytes());
            if number > 1 {
                push(text, "-", number as u64);
            }
            text.push(b'"');
        }
        // A unit's interval is rounded up by up to 1/32 ns: no reason to say 61 seconds for a minute.
        let window = seconds(limit.window() - (limit.window() / 1_000).min(ROUNDED)).max(1);
        push(&mut policies, ";q=", limit.amount().min(LARGEST));
        push(&mut policies, ";w=", window);
        if *limit.unit() != RateUnit::Requests {
            for part in [";qu=\"", kind, "\""] {
                policies.extend_from_slice(part.as_bytes());
            }
        }
        push(&mut left, ";r=", limit.remaining().min(LARGEST));
        if let Some(wait) = limit.next_in() {
            push(&mut left, ";t=", seconds(wait));
        }
    }
    (policies, left)
}

/// Of which the smaller part is left; of two equal ones, the one that takes longer to come back.
fn scarcer(one: &LimitStatus, other: &LimitStatus) -> std::cmp::Ordering {
    let part = |of: &LimitStatus, by: &LimitStatus| u128::from(of.remaining()) * u128::from(by.amount());
    part(one, other).cmp(&part(other, one)).then(other.full_in().cmp(&one.full_in()))
}

fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn plain(text: &Text) -> HeaderValue {
    HeaderValue::from_bytes(text).expect("names and numbers are visible ASCII")
}

/// A field's value, which seldom needs memory of its own.
type Text = SmallVec<[u8; 128]>;

/// The largest integer of a structured field.
const LARGEST: u64 = 999_999_999_999_999;
const ROUNDED: Duration = Duration::from_millis(100);
const UPSTREAM: [&str; 4] = ["ratelimit-", "x-ratelimit-", "x-rate-limit-", "anthropic-ratelimit-"];
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

#[cfg(test)]
mod tests {
    use sfv::{BareItem, List, ListEntry, Parser};
    use tenantry::{Balancer, Config, ManualClock, PoolSpec, Rate, Request, TenantSpec};

    use super::*;

    fn limits(rates: &[Rate], used: u64) -> Vec<LimitStatus> {
        let tenant = rates.iter().fold(TenantSpec::new(), |tenant, rate| tenant.with_rate(rate.clone()));
        let config =
            Config::new().with_pool("api", PoolSpec::new(["http://a:1"])).with_tenant("acme", tenant);
        let balancer = Balancer::with_clock(config, ManualClock::new()).unwrap();
        drop(balancer.try_acquire(&Request::new("acme").cost(used)).unwrap());
        balancer.own_limits_of("acme").unwrap()
    }

    fn parse(text: impl AsRef<[u8]>) -> Vec<(String, Vec<(String, i64)>)> {
        let list: List = Parser::new(text.as_ref()).parse().unwrap();
        let entry = |entry: ListEntry| {
            let ListEntry::Item(item) = entry else { unreachable!("no inner lists") };
            let BareItem::String(name) = item.bare_item else { unreachable!("a policy's name is a string") };
            let figures = item
                .params
                .iter()
                .filter_map(|(key, value)| Some((key.as_str().to_owned(), i64::from(value.as_integer()?))));
            (name.as_str().to_owned(), figures.collect())
        };
        list.into_iter().map(entry).collect()
    }

    #[test]
    fn several_rates_are_a_list_that_a_structured_fields_parser_reads() {
        let minute = Duration::from_secs(60);
        let rates = [Rate::per_second(3), Rate::requests(1_000, minute * 60), Rate::cost(600, minute)];
        let (policies, left) = texts(&limits(&rates, 5));
        let figures = |list: &[(&str, i64)]| -> Vec<(String, i64)> {
            list.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
        };
        assert_eq!(
            parse(&policies),
            [
                ("requests".to_owned(), figures(&[("q", 3), ("w", 1)])),
                ("requests-2".to_owned(), figures(&[("q", 1_000), ("w", 3_600)])),
                ("cost".to_owned(), figures(&[("q", 600), ("w", 60)])),
            ]
        );
        assert_eq!(
            parse(&left),
            [
                ("requests".to_owned(), figures(&[("r", 2), ("t", 1)])),
                ("requests-2".to_owned(), figures(&[("r", 999), ("t", 4)])),
                ("cost".to_owned(), figures(&[("r", 595), ("t", 1)])),
            ]
        );
    }

    /// The rules in `vectors/ratelimit-headers.json`.
    #[test]
    fn what_is_told_keeps_to_the_drafts_rules_and_is_read_back() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../vectors/ratelimit-headers.json")).unwrap();
        let rules = &vectors["rules"];
        assert_eq!(rules["q"], "required non-negative integer");
        assert_eq!(rules["r"], "required non-negative integer");
        let rates = [Rate::per_second(3), Rate::cost(600, Duration::from_secs(60))];
        let mut headers = HeaderMap::new();
        put_on(&mut headers, &limits(&rates, 5), None);
        for (field, required) in [("ratelimit-policy", "q"), ("ratelimit", "r")] {
            for (name, figures) in parse(headers[field].to_str().unwrap()) {
                let figure =
                    |key: &str| figures.iter().find(|(known, _)| known == key).map(|(_, value)| *value);
                assert!(figure(required).is_some_and(|value| value >= 0), "{name}");
                assert!(figure("w").is_none_or(|seconds| seconds > 0), "{name}");
                assert!(figure("t").is_none_or(|seconds| seconds >= 0), "{name}");
            }
        }
        let report = crate::upstream::read(http::StatusCode::OK, &headers);
        assert_eq!(report.requests().map(|limit| limit.remaining()), Some(2));
        assert_eq!(report.cost().map(|limit| (limit.remaining(), limit.limit())), Some((595, Some(600))));
    }

    #[test]
    fn figures_that_no_structured_field_can_hold_are_cut_to_the_largest() {
        let (policies, _) =
            texts(&limits(&[Rate::cost(2_000_000_000_000_000, Duration::from_secs(100 * 86_400))], 0));
        assert_eq!(parse(&policies)[0].1[0], ("q".to_owned(), 999_999_999_999_999));
    }

    #[test]
    fn the_older_fields_tell_the_scarcest_rate() {
        let rates = [Rate::per_second(100), Rate::requests(2, Duration::from_secs(86_400))];
        let mut headers = HeaderMap::new();
        put_on(&mut headers, &limits(&rates, 1), Some(ResetForm::DeltaSeconds));
        assert_eq!(headers["x-ratelimit-limit"], "2");
        assert_eq!(headers["x-ratelimit-remaining"], "1");
        assert_eq!(headers["x-ratelimit-reset"], "43200");
    }

    #[test]
    fn what_an_upstream_says_about_its_limits_is_taken_off_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for name in [
            "ratelimit",
            "ratelimit-policy",
            "ratelimit-remaining",
            "x-ratelimit-remaining-tokens",
            "x-rate-limit-limit",
            "anthropic-ratelimit-requests-limit",
            "retry-after",
            "x-request-id",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        take_off(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["retry-after", "x-request-id"]);
    }
}

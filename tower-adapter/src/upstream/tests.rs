use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use tenantry::{UpstreamLimit, UpstreamReport};

use super::report::read_at;

/// Wed, 01 May 2024 00:00:00 GMT
const UNIX: Duration = Duration::from_secs(1_714_521_600);

fn read(status: u16, fields: &[(&str, &str)]) -> UpstreamReport {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    read_at(StatusCode::from_u16(status).unwrap(), &headers, || UNIX)
}

/// Of how much, what is left, and in how many milliseconds it begins anew.
type Figures = (Option<u64>, u64, Option<u128>);

fn figures(limit: Option<UpstreamLimit>) -> Option<Figures> {
    let limit = limit?;
    let reset = limit.reset_in(UNIX).map(|wait| wait.as_millis());
    Some((limit.limit(), limit.remaining(), reset))
}

fn both(fields: &[(&str, &str)]) -> (Option<Figures>, Option<Figures>) {
    let report = read(200, fields);
    (figures(report.requests()), figures(report.cost()))
}

#[test]
fn open_ai_and_groq_tell_requests_and_tokens_with_durations() {
    let open_ai = [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-limit-tokens", "150000"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("x-ratelimit-reset-requests", "12ms"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    let tokens = Some((Some(150_000), 149_984, Some(360_000)));
    assert_eq!(both(&open_ai), (Some((Some(60), 59, Some(12))), tokens));
    let groq = [("x-ratelimit-remaining-requests", "14370"), ("x-ratelimit-reset-requests", "2m59.56s")];
    assert_eq!(both(&groq), (Some((None, 14_370, Some(179_560))), None));
}

#[test]
fn azure_sends_minus_one_and_zero_for_unknown() {
    let unknown = [
        ("x-ratelimit-limit-tokens", "-1"),
        ("x-ratelimit-remaining-tokens", "-1"),
        ("x-ratelimit-reset-tokens", "0"),
        ("x-ratelimit-limit-requests", "0"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "0"),
    ];
    assert_eq!(both(&unknown), (None, None));
    let known = [("x-ratelimit-remaining-requests", "79"), ("x-ratelimit-remaining-tokens", "61353")];
    assert_eq!(both(&known), (Some((None, 79, None)), Some((None, 61_353, None))));
}

#[test]
fn anthropic_tells_rfc_3339_and_of_its_three_token_limits_the_scarcest_counts() {
    let fields = [
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", "2024-05-01T00:00:30Z"),
        ("anthropic-ratelimit-tokens-remaining", "90000"),
        ("anthropic-ratelimit-input-tokens-limit", "40000"),
        ("anthropic-ratelimit-input-tokens-remaining", "39000"),
        ("anthropic-ratelimit-input-tokens-reset", "2024-05-01T00:01:00Z"),
        ("anthropic-ratelimit-output-tokens-limit", "8000"),
        ("anthropic-ratelimit-output-tokens-remaining", "0"),
        ("anthropic-ratelimit-output-tokens-reset", "2024-05-01T02:00:10.500+02:00"),
    ];
    let expected = (Some((Some(50), 49, Some(30_000))), Some((Some(8_000), 0, Some(10_500))));
    assert_eq!(both(&fields), expected);
}

#[test]
fn github_tells_a_unix_time_and_others_seconds() {
    let github = |reset| {
        [("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "4987"), ("x-ratelimit-reset", reset)]
    };
    for (reset, millis) in [("1714521660", 60_000), ("1714521660000", 60_000), ("60", 60_000), ("0.5", 500)] {
        assert_eq!(both(&github(reset)), (Some((Some(5_000), 4_987, Some(millis))), None), "{reset}");
    }
    let old_draft =
        [("ratelimit-limit", "100, 100;w=60"), ("ratelimit-remaining", "7"), ("ratelimit-reset", "42")];
    assert_eq!(both(&old_draft), (Some((Some(100), 7, Some(42_000))), None));
}

#[test]
fn mistral_and_kong_tell_periods_in_the_suffix() {
    let mistral = [
        ("x-ratelimit-limit-req-minute", "360"),
        ("x-ratelimit-remaining-req-minute", "359"),
        ("x-ratelimit-remaining-tokens-minute", "4000"),
        ("x-ratelimit-remaining-tokens-month", "90"),
    ];
    assert_eq!(both(&mistral), (Some((Some(360), 359, None)), Some((None, 90, None))));
    let kong = [("x-ratelimit-remaining-minute", "4"), ("x-ratelimit-remaining-hour", "400")];
    assert_eq!(both(&kong), (Some((None, 4, None)), None));
    assert_eq!(both(&[("x-ratelimit-remaining-elephants", "4")]), (None, None));
}

#[test]
fn ietf_policies_are_matched_by_name_and_only_requests_and_cost_count() {
    let fields = [
        ("ratelimit-policy", r#""burst";q=100;w=60, "bytes";q=9;w=1;qu="content-bytes""#),
        ("ratelimit-policy", r#""cost";q=60000;w=60;qu="cost""#),
        ("ratelimit", r#""burst";r=50;t=30, "bytes";r=1;t=1"#),
        ("ratelimit", r#""cost";r=0;t=3"#),
    ];
    assert_eq!(both(&fields), (Some((Some(100), 50, Some(30_000))), Some((Some(60_000), 0, Some(3_000)))));
    assert_eq!(both(&[("ratelimit", r#""default";r=50;t=30"#)]), (Some((None, 50, Some(30_000))), None));
    let one_line = [("ratelimit", "limit=100, remaining=50, reset=30")];
    assert_eq!(both(&one_line), (Some((Some(100), 50, Some(30_000))), None));
}

#[test]
fn every_valid_example_of_the_draft_is_read() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../vectors/ratelimit-headers.json")).unwrap();
    let mut replayed = 0;
    for pair in vectors["valid"].as_array().unwrap() {
        let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        let parsed: sfv::List = sfv::Parser::new(value).parse().unwrap();
        assert!(!parsed.is_empty(), "{value}");
        if name == "RateLimit" {
            assert!(read(200, &[("ratelimit", value)]).requests().is_some(), "{value}");
            replayed += 1;
        } else {
            // A policy alone says nothing of what is left; with the line it limits, it does.
            let left = r#""burst";r=3, "default";r=3, "permin";r=3, "peruser";r=3"#;
            let report = read(200, &[("ratelimit-policy", value), ("ratelimit", left)]);
            assert_eq!(report.requests().map(|limit| limit.remaining()), Some(3), "{value}");
            assert!(read(200, &[("ratelimit-policy", value)]).is_empty(), "{value}");
        }
    }
    assert_eq!(replayed, 4);
}

#[test]
fn a_wait_counts_with_429_503_and_529_and_the_finer_field_first() {
    let wait = |status, fields: &[(&str, &str)]| read(status, fields).retry_after();
    let seconds = [("retry-after", "7")];
    for status in [429, 503, 529] {
        assert_eq!(wait(status, &seconds), Some(Duration::from_secs(7)), "{status}");
    }
    for status in [200, 301, 404, 500] {
        assert_eq!(wait(status, &seconds), None, "{status}");
    }
    let finer = [("retry-after", "1"), ("retry-after-ms", "60")];
    assert_eq!(wait(429, &finer), Some(Duration::from_millis(60)));
    let date = [("retry-after", "Wed, 01 May 2024 00:00:20 GMT")];
    assert_eq!(wait(429, &date), Some(Duration::from_secs(20)));
}

#[test]
fn a_field_that_makes_no_sense_is_as_if_it_were_not_there() {
    let remaining = "x-ratelimit-remaining";
    for value in ["-5", "NaN", "1e3", "", "99999999999999999999999", "5 requests", "\u{fc}ber", "0x10"] {
        assert!(read(200, &[(remaining, value)]).is_empty(), "{value}");
    }
    let with_bad_reset = [(remaining, "5"), ("x-ratelimit-reset", "-30")];
    assert_eq!(both(&with_bad_reset), (Some((None, 5, None)), None));
    assert!(read(200, &[(remaining, "5"), (remaining, "6")]).is_empty(), "there twice");
    assert!(!read(200, &[(remaining, "5"), (remaining, "5")]).is_empty(), "twice the same");
    assert_eq!(read(429, &[("retry-after", "-1"), ("retry-after-ms", "soon")]), UpstreamReport::new());
    assert!(read(200, &[("ratelimit", r#""a";r=-1;t=5, ("b" "c");r=1"#)]).is_empty());
    assert!(read(200, &[("ratelimit", &format!("\"{}\";r=1", "a".repeat(5_000)))]).is_empty());
}

fn field() -> impl Strategy<Value = (String, Vec<u8>)> {
    let name = prop_oneof![
        "(x-ratelimit|x-rate-limit|ratelimit)-(limit|remaining|reset)(-(requests|tokens|minute|[a-z]{1,3}))?",
        "anthropic-ratelimit-(requests|tokens|input-tokens)-(limit|remaining|reset)",
        Just("ratelimit".to_owned()),
        Just("ratelimit-policy".to_owned()),
        Just("retry-after".to_owned()),
        Just("retry-after-ms".to_owned()),
    ];
    let value = prop_oneof![
        prop::collection::vec(
            any::<u8>().prop_filter("a header's byte", |byte| *byte >= 32 && *byte != 127),
            0..40
        ),
        "[0-9.smhd;=rtq\", -]{0,40}".prop_map(String::into_bytes),
        any::<u64>().prop_map(|number| number.to_string().into_bytes()),
    ];
    (name, value)
}

proptest! {
    /// Whatever an upstream sends, nothing panics, and a balancer that learns it is none the worse after 31 days.
    #[test]
    fn hostile_fields_never_panic(fields in prop::collection::vec(field(), 0..20), status in 100_u16..600) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(&value).unwrap());
        }
        let report = read_at(StatusCode::from_u16(status).unwrap(), &headers, || UNIX);
        let clock = tenantry::ManualClock::starting_at(UNIX);
        let config = tenantry::Config::new()
            .with_pool("api", tenantry::PoolSpec::new(["http://a:1"]))
            .with_tenant("acme", tenantry::TenantSpec::new());
        let balancer = tenantry::Balancer::with_clock(config, clock.clone()).unwrap();
        let request = tenantry::Request::new("acme");
        balancer.try_acquire(&request).unwrap().report_upstream(&report);
        clock.advance(Duration::from_secs(31 * 86_400));
        prop_assert!(balancer.try_acquire(&request).is_ok());
    }
}

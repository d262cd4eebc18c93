//! What `/metrics` says, held against the text format and the naming rules of OpenMetrics 1.0.
#![cfg(feature = "metrics")]

use std::collections::{BTreeMap, BTreeSet};

use tenantry::{Balancer, Config, HealthOverride, Outcome, PoolSpec, Request, TenantSpec};
use tenantry_tower::metrics::Metrics;

/// A family as its metadata and samples stand in the text.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

fn exposition() -> String {
    let pool = PoolSpec::new(["http://a:1", "http://b:1"]);
    let config = Config::new()
        .with_pool("api", pool)
        .with_tenant("acme", TenantSpec::new().with_weight(3))
        .with_tenant("we\"ird\nname\\", TenantSpec::new());
    let balancer = Balancer::new(config).expect("a configuration");
    let metrics = Metrics::new(&balancer);
    balancer.try_acquire(&Request::new("acme")).expect("a seat").finish(Outcome::success());
    for address in ["http://a:1", "http://b:1"] {
        balancer.override_health("api", address, HealthOverride::Ejected, None).expect("it is there");
    }
    metrics.encode()
}

/// Reads it strictly: metadata before samples, no family twice or interleaved, an end and nothing after it.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let body = text.strip_suffix("# EOF\n").expect("it ends as it must");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let mut word = || words.next().expect("three words");
            let (what, name, value) = (word(), word(), word().to_owned());
            if name != current {
                assert!(!families.contains_key(name), "{name} stands twice");
                name.clone_into(&mut current);
            }
            let family = families.entry(current.clone()).or_default();
            assert!(family.samples.is_empty(), "{line} comes after samples");
            match what {
                "HELP" => family.help = value,
                "TYPE" => family.kind = value,
                "UNIT" => assert!(name.ends_with(&value), "{line}"),
                _ => unreachable!("{line}"),
            }
        } else {
            let sample = sample(line);
            assert!(sample.0.starts_with(&current), "{line} stands outside of its family {current}");
            families.get_mut(&current).expect("its metadata stands before").samples.push(sample);
        }
    }
    families
}

/// `name{label="value",…} number`.
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (name, mut rest) = line.split_at(line.find(['{', ' ']).expect("a number follows"));
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once("=\"").expect("a label's value is quoted");
            let end = quote_end(value);
            assert!(
                labels.insert(label.to_owned(), value[..end].to_owned()).is_none(),
                "{line}: {label} twice"
            );
            rest = value[end + 1..].trim_start_matches(',');
        }
        rest = &rest[1..];
    }
    let number = rest.strip_prefix(' ').expect("one space").parse().expect("a number");
    (name.to_owned(), labels, number)
}

/// Where a quoted value ends; only `\\`, `\"` and `\n` are escapes.
fn quote_end(value: &str) -> usize {
    let mut escaped = false;
    let ends = |&(_, character): &(usize, char)| {
        assert!(!escaped || matches!(character, '\\' | '"' | 'n'), "\\{character} is no escape");
        let ends = !escaped && character == '"';
        escaped = !escaped && character == '\\';
        ends
    };
    value.char_indices().find(ends).expect("the quote ends").0
}

#[test]
fn every_family_has_help_and_type_and_samples_named_as_its_type_says() {
    for (name, Family { kind, help, samples }) in parse(&exposition()) {
        assert!(name.starts_with("tenantry_") && !help.is_empty(), "{name}: {help}");
        let plain = |name: &str| {
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        assert!(
            plain(&name) && !name.ends_with("_total"),
            "{name}: the counter's samples say total, not its family"
        );
        let mut seen = BTreeSet::new();
        for (sample, labels, number) in samples {
            let suffixes: &[&str] = match kind.as_str() {
                "gauge" => &[""],
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => unreachable!("{name} is a {kind}"),
            };
            let suffix = sample.strip_prefix(&name).expect("it is of the family");
            assert!(suffixes.contains(&suffix), "{sample} in a {kind}");
            assert!(kind == "gauge" || number >= 0.0, "{sample} {number}");
            assert!(labels.keys().all(|label| plain(label)), "{labels:?}");
            let series = format!("{sample}{labels:?}");
            assert!(seen.insert(series.clone()), "{series} stands twice");
        }
    }
}

#[test]
fn weights_draining_and_panic_are_told() {
    let families = parse(&exposition());
    let value = |name: &str, label: &str, is: &str| {
        let samples = &families.get(name).expect("a family").samples;
        let found = samples.iter().find(|(_, labels, _)| labels.get(label).is_some_and(|value| value == is));
        found.expect("a sample").2.to_string()
    };
    assert_eq!(value("tenantry_tenant_weight", "tenant", "acme"), "3");
    assert_eq!(value("tenantry_pool_panic", "pool", "api"), "1");
    assert_eq!(value("tenantry_endpoint_weight", "endpoint", "http://a:1"), "1");
    assert_eq!(value("tenantry_endpoint_draining", "endpoint", "http://a:1"), "0");
}

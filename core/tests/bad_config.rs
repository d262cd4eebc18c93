//! Broken documents: each is refused with the path, the value and a fix; and a refused update changes nothing.

use tenantry::{Balancer, CapacitySpec, Config, Format, PoolSpec, Request, TenantSpec};

/// Document, path, value, a part of the fix.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    // Keys.
    ("[pool.api]\nendpoints = []", "pool", r#"{"api":{"endpoints":[]}}"#, "`pools`"),
    ("[pools.api]\nendpoints = []\nstratgy = 'p2c'", "pools.api.stratgy", r#""p2c""#, "`strategy`"),
    (
        "[pools.api]\nendpoints = [{ address = 'a', wieght = 2 }]",
        "pools.api.endpoints[0].wieght",
        "2",
        "`weight`",
    ),
    ("[tenants.acme]\nrates = '1/s'", "tenants.acme.rates", r#""1/s""#, "`rate`"),
    (
        "[tenants.acme]\nrate = { requests = 1, per = '1s', brust = 2 }",
        "tenants.acme.rate",
        r#"{"brust":2,"per":"1s","requests":1}"#,
        "brust is one too many, or misspelt",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outliers = {} }",
        "pools.api.health.outliers",
        "{}",
        "`outlier`",
    ),
    ("[pools.api]\nstrategy = 'p2c'", "pools.api", r#"{"strategy":"p2c"}"#, "add the key `endpoints`"),
    (
        "[pools.api]\nendpoints = [{ weight = 2 }]",
        "pools.api.endpoints[0]",
        r#"{"weight":2}"#,
        "add the key `address`",
    ),
    // Kinds of value.
    ("pools = 7", "pools", "7", "a table"),
    ("[pools.api]\nendpoints = []\nqueue = []", "pools.api.queue", "[]", "a table"),
    ("tenants = { acme = [] }", "tenants.acme", "[]", "a table"),
    ("[pools.api]\nendpoints = 'http://a'", "pools.api.endpoints", r#""http://a""#, "a list"),
    ("[pools.api]\nendpoints = [7]", "pools.api.endpoints[0]", "7", "an address"),
    ("seed = -1", "seed", "-1", "a whole number from 0 on"),
    ("[tenants.acme]\nweight = 1.5", "tenants.acme.weight", "1.5", "a whole number"),
    (
        "[tenants.acme]\nmax_in_flight = 'many'",
        "tenants.acme.max_in_flight",
        r#""many""#,
        "a number of requests",
    ),
    // Values.
    (
        "[pools.api]\nendpoints = []\nstrategy = 'fastest'",
        "pools.api.strategy",
        r#""fastest""#,
        "\"p2c\" or \"round_robin\"",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'x' }",
        "pools.api.strategy",
        r#"{"kind":"x"}"#,
        "\"p2c\"",
    ),
    ("[pools.api]\nendpoints = []\ncapacity = 0", "pools.api.capacity", "0", "a number of seats from 1 on"),
    ("[pools.api]\nendpoints = []\ncapacity = 'lots'", "pools.api.capacity", r#""lots""#, "\"adaptive\""),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'gradient', min = 9, max = 3 }",
        "pools.api.capacity.min",
        "9",
        "at most the max, 3",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'aimd', backoff = 1.5 }",
        "pools.api.capacity.backoff",
        "1.5",
        "from 0.1 to 0.999",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'aimd', timeout = '0s' }",
        "pools.api.capacity.timeout",
        r#""0ns""#,
        "from 1ms to",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'gradient', percentile = 101 }",
        "pools.api.capacity.percentile",
        "101",
        "from 1 to 100",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'gradient2', tolerance = 0.5 }",
        "pools.api.capacity.tolerance",
        "0.5",
        "from 1.0 to",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'vegas', alpha = 9 }",
        "pools.api.capacity.alpha",
        "9",
        "at most the beta, 6",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'adaptive', min = 0 }",
        "pools.api.capacity.min",
        "0",
        "from 1",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'adaptive', backoff = 0.5 }",
        "pools.api.capacity",
        r#"{"backoff":0.5,"kind":"adaptive"}"#,
        "not known",
    ),
    (
        "[pools.api]\nendpoints = ['']",
        "pools.api.endpoints[0].address",
        r#""""#,
        "an address of 1 to 512 bytes",
    ),
    (
        "[pools.api]\nendpoints = ['http://a b']",
        "pools.api.endpoints[0].address",
        r#""http://a b""#,
        "without spaces",
    ),
    (
        "[pools.api]\nendpoints = ['a', { address = 'a' }]",
        "pools.api.endpoints[1].address",
        r#""a""#,
        "each address once",
    ),
    (
        "[pools.api]\nendpoints = [{ address = 'a', weight = 0 }]",
        "pools.api.endpoints[0].weight",
        "0",
        "from 1 on",
    ),
    (
        "[pools.api]\nendpoints = []\nqueue = { timeout = 5 }",
        "pools.api.queue.timeout",
        "5",
        "a duration such as \"5s\"",
    ),
    (
        "[pools.api]\nendpoints = []\nqueue = { timeout = '5 weeks' }",
        "pools.api.queue.timeout",
        r#""5 weeks""#,
        "units:",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { consecutive_failures = 0 } }",
        "pools.api.health.outlier.consecutive_failures",
        "0",
        "at least 1",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { max_ejected = 101 } }",
        "pools.api.health.outlier.max_ejected",
        "101",
        "from 0 to 100",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { ejection = '9s', longest_ejection = '3s' } }",
        "pools.api.health.outlier.longest_ejection",
        r#""3s""#,
        "at least as long",
    ),
    ("[tenants.acme]\nweight = 0", "tenants.acme.weight", "0", "from 1 to 1000000"),
    ("[tenants.acme]\nmax_in_flight = 0", "tenants.acme.max_in_flight", "0", "at least 1"),
    ("[tenants.acme]\nrate = 'fast'", "tenants.acme.rate", r#""fast""#, "\"100/s\""),
    ("[tenants.acme]\nrate = ['1/s', '0/s']", "tenants.acme.rate[1].requests", "0", "at least 1"),
    (
        "[tenants.acme]\nrate = { requests = 1, cost = 1, per = '1s' }",
        "tenants.acme.rate",
        r#"{"cost":1,"per":"1s","requests":1}"#,
        "exactly one of requests, cost",
    ),
    (
        "[tenants.acme]\nrate = { cost = 1, per = '0s' }",
        "tenants.acme.rate.per",
        r#""0ns""#,
        "from 1ns to 366d",
    ),
    (
        "[tenants.acme]\nrate = { cost = 1, per = '1d', burst = 100000 }",
        "tenants.acme.rate.burst",
        "100000",
        "within 4 years",
    ),
    (
        "[tenants.acme]\nrate = ['1/s', '1/s', '1/s', '1/s', '1/s']",
        "tenants.acme.rate",
        "5 rates",
        "at most 4",
    ),
    ("[tenants.acme]\npools = ['api']", "tenants.acme.pools[0]", r#""api""#, "name one of the pools"),
    ("[tenants.'']\nweight = 1", "tenants", r#""""#, "1 to 255 bytes"),
    ("[tenants.'a.b c']\nweight = 0", "tenants.\"a.b c\".weight", "0", "from 1"),
    ("unknown_tenants = 'allow'", "unknown_tenants", r#""allow""#, "\"reject\""),
    (
        "unknown_tenants = { template = 'free', idle = '0s' }\n[templates.free]",
        "unknown_tenants.idle",
        r#""0ns""#,
        "from 1ms to 24d",
    ),
    (
        "unknown_tenants = { template = 'free', idle = '25d' }\n[templates.free]",
        "unknown_tenants.idle",
        r#""2160000s""#,
        "from 1ms to 24d",
    ),
    (
        "unknown_tenants = { template = 'free', idle = 'soon' }",
        "unknown_tenants.idle",
        r#""soon""#,
        "units: ns",
    ),
    ("unknown_tenants = { template = 'free' }", "unknown_tenants.template", r#""free""#, "[templates.free]"),
    (
        "unknown_tenants = { template = 'free', max = 0 }\n[templates.free]",
        "unknown_tenants.max",
        "0",
        "from 1 to 10000000",
    ),
    ("[templates.free]\nweight = 2000000", "templates.free.weight", "2000000", "from 1 to 1000000"),
    // Shares of seats, and the tree.
    ("[tenants.acme]\nparent = 'org'", "tenants.acme.parent", r#""org""#, "[tenants.org]"),
    ("[tenants.acme]\nparent = 'acme'", "tenants.acme.parent", r#""acme""#, "without a circle"),
    (
        "[tenants.a]\nparent = 'b'\n[tenants.b]\nparent = 'a'",
        "tenants.a.parent",
        r#""b""#,
        "without a circle",
    ),
    ("[tenants.acme]\nparent = 7", "tenants.acme.parent", "7", "a string"),
    (
        "[tenants.acme]\nparent = 'org'\n[tenants.org]\nmax_in_flight = 2000000",
        "tenants.org.max_in_flight",
        "2000000",
        "at most 1048575",
    ),
    ("[templates.free]\nparent = 'org'", "templates.free.parent", r#""org""#, "[tenants.org]"),
    ("[tenants.acme]\nseats = 4", "tenants.acme.seats", "4", "a table"),
    ("[tenants.acme]\nseats = { gauranteed = 4 }", "tenants.acme.seats.gauranteed", "4", "`guaranteed`"),
    ("[tenants.acme]\nseats = { max = 0 }", "tenants.acme.seats.max", "0", "at least 1"),
    ("[tenants.acme]\nseats = { max = -1 }", "tenants.acme.seats.max", "-1", "a number of seats"),
    ("[tenants.acme]\nseats = { max = '101%' }", "tenants.acme.seats.max", r#""101%""#, "at most \"100%\""),
    ("[tenants.acme]\nseats = { max = 'half' }", "tenants.acme.seats.max", r#""half""#, "%"),
    ("[tenants.acme]\nseats = { lendable = 1 }", "tenants.acme.seats.lendable", "1", "a guaranteed amount"),
    (
        "[tenants.acme]\nseats = { guaranteed = 4, max = 3 }",
        "tenants.acme.seats.guaranteed",
        "4",
        "at most the max, 3",
    ),
    (
        "[tenants.acme]\nseats = { guaranteed = '10%', lendable = '20%' }",
        "tenants.acme.seats.lendable",
        r#""20%""#,
        "at most the guaranteed, ",
    ),
    (
        "[templates.free]\nseats = { guaranteed = 2, lendable = 1 }",
        "templates.free.seats.lendable",
        "",
        "only configured tenants",
    ),
    (
        "[tenants.acme]\nparent = 'org'\nseats = { guaranteed = 2, lendable = 1 }\n\
         [tenants.org]\nseats = { guaranteed = 4, lendable = 0 }",
        "tenants.acme.seats.lendable",
        "",
        "tenants.org",
    ),
    // The queue, and endpoints' caps.
    (
        "[pools.api]\nendpoints = []\nqueue = { order = 'lifo' }",
        "pools.api.queue.order",
        r#""lifo""#,
        "adaptive_lifo",
    ),
    ("[pools.api]\nendpoints = []\nqueue = { aging = 1 }", "pools.api.queue.aging", "1", "a duration"),
    ("[pools.api]\nendpoints = []\nqueue = { codel = true }", "pools.api.queue.codel", "true", "a table"),
    (
        "[pools.api]\nendpoints = []\nqueue = { codel = { target = '0s' } }",
        "pools.api.queue.codel.target",
        r#""0s""#,
        "above zero",
    ),
    (
        "[pools.api]\nendpoints = []\nqueue = { codel = { interval = '0ms' } }",
        "pools.api.queue.codel.interval",
        r#""0s""#,
        "above zero",
    ),
    (
        "[pools.api]\nendpoints = [{ address = 'a', max_in_flight = 0 }]",
        "pools.api.endpoints[0].max_in_flight",
        "0",
        "at least 1",
    ),
    (
        "[pools.api]\nendpoints = [{ address = 'a', max_in_flight = 'one' }]",
        "pools.api.endpoints[0].max_in_flight",
        r#""one""#,
        "a whole number",
    ),
];

fn toml(text: &str) -> Result<Config, tenantry::ConfigError> {
    Config::from_text(text, Format::Toml)
}

#[test]
fn each_broken_document_is_refused_with_path_value_and_fix() {
    assert!(BROKEN.len() >= 30);
    for (document, path, value, fix) in BROKEN {
        let error = toml(document).expect_err(document);
        assert_eq!((error.path(), error.value()), (*path, *value), "{document}\n{error}");
        assert!(error.fix().contains(fix), "{document}\n{error}");
        assert!(error.to_string().starts_with(path), "{error}");
    }
}

#[test]
fn the_same_document_is_refused_alike_in_every_format() {
    let documents = [
        (Format::Toml, "[pools.api]\nendpoints = ['a']\ncapacity = 0"),
        (Format::Yaml, "pools:\n  api:\n    endpoints: [a]\n    capacity: 0"),
        (Format::Json, r#"{ "pools": { "api": { "endpoints": ["a"], "capacity": 0 } } }"#),
    ];
    let errors: Vec<_> =
        documents.map(|(format, text)| Config::from_text(text, format).expect_err(text)).into();
    assert_eq!(errors[0].path(), "pools.api.capacity");
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
}

#[test]
fn text_that_is_not_of_the_format_is_refused_and_so_is_a_key_that_stands_twice() {
    let broken = [
        (Format::Toml, "pools = ["),
        (Format::Toml, "seed = 1\nseed = 2"),
        (Format::Yaml, "pools: [1"),
        (Format::Yaml, "seed: 1\nseed: 2"),
        (Format::Json, "{"),
        (Format::Json, r#"{ "seed": 1, "seed": 2 }"#),
        (Format::Json, r#"{ "pools": {} } trailing"#),
        (Format::Json, "[]"),
        (Format::Yaml, "seed: .nan"),
    ];
    for (format, text) in broken {
        let error = Config::from_text(text, format).expect_err(text);
        assert_eq!(error.path(), ".", "{text}: {error}");
        assert!(!error.fix().is_empty() && !error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn every_format_reads_the_same_configuration() {
    let toml = Config::from_text(FULL_TOML, Format::Toml).expect("TOML");
    let yaml = Config::from_text(FULL_YAML, Format::Yaml).expect("YAML");
    let json = Config::from_text(FULL_JSON, Format::Json).expect("JSON");
    assert_eq!(toml, yaml);
    assert_eq!(toml, json);
    let built = Config::new()
        .with_seed(7)
        .with_pool(
            "api",
            PoolSpec::new(["http://10.0.0.1:8080"])
                .with_endpoint(tenantry::EndpointSpec::new("http://10.0.0.2:8080").with_weight(2))
                .with_capacity(CapacitySpec::fixed(64)),
        )
        .with_tenant(
            "acme",
            TenantSpec::new().with_weight(3).with_rate(tenantry::Rate::per_second(100)).with_pools(["api"]),
        );
    assert_eq!(toml, built);
}

const FULL_TOML: &str = r#"
seed = 7
[pools.api]
capacity = 64
endpoints = ["http://10.0.0.1:8080", { address = "http://10.0.0.2:8080", weight = 2 }]
[tenants.acme]
weight = 3
rate = "100/s"
pools = ["api"]
"#;
const FULL_YAML: &str = r#"
seed: 7
pools:
  api:
    capacity: { kind: fixed, seats: 64 }
    strategy: p2c
    endpoints: ["http://10.0.0.1:8080", { address: "http://10.0.0.2:8080", weight: 2 }]
tenants:
  acme: { weight: 3, rate: ["100/s"], pools: [api] }
"#;
const FULL_JSON: &str = r#"{
  "seed": 7,
  "pools": { "api": { "capacity": 64, "strategy": { "kind": "p2c" },
    "endpoints": [{ "address": "http://10.0.0.1:8080" }, { "address": "http://10.0.0.2:8080", "weight": 2 }] } },
  "tenants": { "acme": { "weight": 3, "rate": { "requests": 100, "per": "1s" }, "pools": ["api"] } }
}"#;

#[test]
fn a_refused_update_changes_nothing() {
    let balancer = Balancer::new(toml(FULL_TOML).expect("usable")).expect("usable");
    let lease = balancer.try_acquire_owned(&Request::new("acme")).expect("there is room");
    let before = balancer.stats();
    let broken = Config::new()
        .with_pool("other", PoolSpec::new(["x"]))
        .with_tenant("new", TenantSpec::new().with_pools(["nowhere"]));
    let error = balancer.reconfigure(broken).expect_err("there is no such pool");
    assert_eq!(error.path(), "tenants.new.pools[0]");
    let after = balancer.stats();
    assert_eq!(before.tenants(), after.tenants());
    assert_eq!(before.pools().len(), after.pools().len());
    assert!(after.pool("api").is_some_and(|pool| pool.in_flight() == 1 && pool.capacity() == 64));
    drop(lease);
    assert!(balancer.try_acquire(&Request::new("acme").pool("api")).is_ok());
}

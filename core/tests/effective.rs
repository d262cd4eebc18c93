//! The effective form of a configuration says all of it, and can be read again.

use tenantry::{Config, Format};

fn read(text: &str) -> Config {
    Config::from_text(text, Format::Toml).expect(text)
}

fn again(config: &Config) -> Config {
    let text = config.to_tree().to_string();
    Config::from_text(&text, Format::Json).expect(&text)
}

/// Every key of the document, each with a value that is not the default.
const ALL: &str = r#"
unknown_tenants = { template = "free", max = 7, idle = "11m" }
dimensions = ["input_units"]
seed = 9

[pools.api]
strategy = { kind = "p2c", choices = 3, load = "in_flight" }
capacity = { kind = "gradient", min = 8, max = 500, initial = 9, buffer = 0.2, percentile = 60, window = "200ms", min_rtt_interval = "40s", min_rtt_requests = 60, jitter = 0.2 }
endpoints = [
    { address = "http://10.0.0.1:8080", weight = 2, max_in_flight = 64, priority = 1, zone = "a", credential = "one", model = "large", drain = true, rate = [{ requests = 100, per = "1s", burst = 7 }, { cost = 60000, per = "1m", burst = 9 }] },
    "http://10.0.0.2:8080",
]
retry = { ratio = 0.123456, per_second = 11, window = "12s" }
hedge = { ratio = "7%", per_second = 3, window = "9s" }
tiers = { overprovisioning = 1.5, panic = 40 }
zone = "a"
slow_start = { window = "31s", aggression = 1.5, minimum = 11 }
latency_decay = "2500ms"
fallback = "rest"
subset = { size = 1, instance = 3, instances = 12 }
owner = "bigcorp"
queue = { timeout = "9s", per_tenant = 255, total = 9999, order = "adaptive_lifo", aging = "2s", codel = { target = "6ms", interval = "90ms" } }

[pools.api.health]
probe = { http = "/healthz?deep=1", method = "HEAD", host = "api.internal", status = [200, "301-302"], port = 81, scheme = "https", server_name = "api.internal", every = "6s", every_in_doubt = "2s", every_unhealthy = "7s", every_idle = "8s", jitter = 0.2, timeout = "1s", rise = 3, fall = 4, initial = "one_success" }
outlier = { consecutive_failures = 6, consecutive_gateway_failures = 3, interval = "11s", ejection = "31s", longest_ejection = "301s", max_ejected = 11, min_available = 2, shadow = true, success_rate = { factor = 2.0, min_endpoints = 6, min_requests = 101, shadow = true }, failure_percentage = { threshold = 31, min_endpoints = 3, min_requests = 51, shadow = true }, latency = { factor = 6.0, floor = "11ms", min_endpoints = 4, min_requests = 21, shadow = true } }
cooldown = { scope = "credential", longest = "4m", strict = true }

[pools.rest]
endpoints = ["http://10.0.1.1:8080"]
capacity = 12
health = { probe = { grpc = "echo", every_in_doubt = "1s", every_unhealthy = "5s", every_idle = "5s" }, outlier = { success_rate = "off", failure_percentage = "off", latency = "off" }, cooldown = "off" }

[tenants.acme]
weight = 3
parent = "bigcorp"
seats = { guaranteed = 4, lendable = 2, max = "50%" }
rate = [{ requests = 5, per = "10ms", burst = 20 }, { input_units = 60000, per = "1m", window = "sliding", shadow = true }]
budget = [{ cost = 5000000, per = "month", time_zone = "Europe/Rome", anchor_day = 15, warn = ["50%", "90%"], carry_over = "10%", soft = { at = "80%", slow_to = "25%" }, shadow = true }, { requests = 9, per = "30d" }]
max_in_flight = { limit = 64, shadow = true }
pools = [{ pool = "api", from = "2026-12-01T00:00:00Z", until = "2027-01-01T00:00:00.5Z" }, "rest"]
shard = 1

[tenants.bigcorp]
max_in_flight = 200

[templates.free]
weight = 2
"#;

#[test]
fn all_that_is_written_stands_in_it() {
    let config = read(ALL);
    assert_eq!(again(&config), config);
}

#[test]
fn every_strategy_and_every_rule_for_seats_can_be_read_again() {
    let strategies = [
        r#""p2c""#,
        r#"{ kind = "least_loaded", load = "reported" }"#,
        r#"{ kind = "round_robin", phase = "random" }"#,
        r#""random""#,
        r#"{ kind = "weighted", blackout = "9s", expiry = "181s", update = "2s", error_penalty = 1.5 }"#,
        r#"{ kind = "prequal", probe = "/load", timeout = "4ms", probes_per_request = 1.5, pool = 12, max_age = "2s", quantile = 0.5, remove_per_request = 0.25 }"#,
        r#"{ kind = "ketama", bounded = 1.25 }"#,
        r#"{ kind = "ring", min_size = 64, max_size = 4096, bounded = "150%" }"#,
        r#"{ kind = "maglev", size = 251, bounded = 2 }"#,
        r#"{ kind = "rendezvous", bounded = 1.5 }"#,
    ];
    let capacities = [
        r#""adaptive""#,
        "5",
        r#"{ kind = "fixed", seats = 6 }"#,
        r#"{ kind = "adaptive", min = 2, max = 50, initial = 4 }"#,
        r#"{ kind = "aimd", min = 2, max = 50, initial = 4, backoff = 0.7, timeout = "3s" }"#,
        r#"{ kind = "gradient2", min = 2, max = 50, initial = 4, tolerance = 2.0, smoothing = 0.3, queue = 5, long_window = 500 }"#,
        r#"{ kind = "vegas", min = 2, max = 50, initial = 4, alpha = 2, beta = 7, probe = 40, smoothing = 0.5 }"#,
    ];
    for strategy in strategies {
        for capacity in capacities {
            let config = read(&format!(
                "[pools.api]\nendpoints = [\"http://10.0.0.1:8080\", \"http://10.0.0.2:8080\"]\nstrategy = {strategy}\ncapacity = {capacity}\n"
            ));
            assert_eq!(again(&config), config, "{strategy} {capacity}");
        }
    }
}

#[test]
fn defaults_are_written_out_and_do_not_change_anything() {
    let config = read("[pools.api]\nendpoints = [\"http://10.0.0.1:8080\"]\n[tenants.acme]\n");
    let tree = config.to_tree();
    let pool = &tree["pools"]["api"];
    assert_eq!(pool["strategy"]["kind"], "p2c");
    assert_eq!(pool["queue"]["per_tenant"], 256);
    assert_eq!(pool["health"]["outlier"]["ejection"], "30s");
    assert_eq!(pool["retry"]["ratio"], 0.2);
    assert_eq!(tree["tenants"]["acme"]["weight"], 1);
    assert_eq!(tree["unknown_tenants"], "reject");
    assert_eq!(again(&config), config);
    assert_eq!(again(&config).to_tree(), tree);
}

#[test]
fn secrets_are_not_shown() {
    let config = read(
        "affinity = { keys = [\"0123456789-secret-one\", \"0123456789-secret-two\"] }\n[pools.api]\nendpoints = [\"http://10.0.0.1:8080\"]\n\
         health = { probe = { http = \"/\", headers = { authorization = \"Bearer secret-three\" } } }",
    );
    let text = config.to_tree().to_string();
    assert!(!text.contains("secret-"), "{text}");
    assert_eq!(text.matches("(not shown").count(), 3, "{text}");
    again(&config);
}

//! Alerts: what begins when, what ends it, and who is told.
#![cfg(feature = "admin")]

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tenantry::{
    Balancer, Budget, BudgetPeriod, Config, HealthOverride, ManualClock, PoolSpec, Request as Ask, TenantSpec,
};
use tenantry_tower::{
    alert::{
        Alert, AlertKind, AlertRules, Alerts, BudgetRule, BudgetUse, Objective, Observation, RejectionRule,
    },
    guard::{Guard, GuardPolicy},
    metrics::Metrics,
    rejection::RejectionLayer,
    tenant::TenantLayer,
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// A balancer whose clock stands still, and what it counts.
struct World {
    balancer: Balancer,
    clock: ManualClock,
    metrics: Metrics,
    alerts: Alerts,
}

impl World {
    fn new(rules: AlertRules) -> Self {
        let budget = Budget::requests(100, BudgetPeriod::Month);
        let config = Config::new()
            .with_pool("api", PoolSpec::new(["http://a:1", "http://b:1"]))
            .with_tenant("acme", TenantSpec::new().with_budget(budget))
            .with_tenant("umbrella", TenantSpec::new());
        let clock = ManualClock::new();
        let balancer = Balancer::with_clock(config, clock.clone()).expect("a configuration");
        let metrics = Metrics::new(&balancer);
        let mut world = Self { balancer, clock, metrics, alerts: Alerts::new(rules) };
        assert!(world.look().is_empty());
        world
    }

    fn look(&mut self) -> Vec<String> {
        let (stats, requests) = (self.balancer.stats(), self.metrics.request_stats());
        let limits = self.balancer.own_limits_of("acme").expect("it is there");
        let budgets: Vec<_> = limits
            .iter()
            .map(|limit| BudgetUse::new("acme", "requests", limit.used(), limit.amount()))
            .collect();
        let seen = Observation::new(self.balancer.now(), 0, &stats);
        self.alerts.observe(&seen.with_requests(&requests).with_budgets(&budgets)).iter().map(told).collect()
    }

    /// Looks once a second for so long: what was told, and when.
    fn watch(&mut self, seconds: u64) -> Vec<(u64, String)> {
        let each = |second| {
            self.clock.advance(Duration::from_secs(1));
            self.look().into_iter().map(move |told| (second, told)).collect::<Vec<_>>()
        };
        (1..=seconds).flat_map(each).collect()
    }

    /// So many requests of a tenant get this status; 429 is a refusal.
    async fn serve(&self, tenant: &'static str, status: u16, times: usize) {
        let answer = move |_: Request<Bytes>| async move {
            let answer = Response::builder().status(status).body(Full::<Bytes>::default());
            match status {
                429 => Err(tenantry::Rejection::RateLimited { retry_after: Duration::ZERO }),
                _ => Ok(answer.expect("an answer")),
            }
        };
        let mut service = ServiceBuilder::new()
            .layer(TenantLayer::header("x-tenant"))
            .layer(self.metrics.requests().pool("api"))
            .layer(RejectionLayer::new())
            .service(service_fn(answer));
        for _ in 0..times {
            let request = Request::get("/").header("x-tenant", tenant).body(Bytes::new()).expect("a request");
            let answer: Result<_, Infallible> = service.ready().await.expect("ready").call(request).await;
            answer.expect("an answer");
        }
    }
}

/// `kind/pool/tenant state`.
fn told(alert: &Alert) -> String {
    let key = alert.key();
    let state = if alert.is_firing() { "fires" } else { "ends" };
    let (pool, tenant) = (key.pool_name().unwrap_or("-"), key.tenant_id().unwrap_or("-"));
    format!("{}/{pool}/{tenant} {state}", key.kind().name())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn sorted(mut told: Vec<String>) -> Vec<String> {
    told.sort();
    told
}

#[test]
fn a_panic_fires_after_its_hold_and_ends_after_a_minute_in_peace() {
    let mut world = World::new(AlertRules::new().with_panic(seconds(30)).with_ejection(seconds(10)));
    for address in ["http://a:1", "http://b:1"] {
        world.balancer.override_health("api", address, HealthOverride::Ejected, None).expect("it is there");
    }
    let ejections =
        |second| [(second, "ejection/api/- fires".to_owned()), (second, "ejection/api/- fires".to_owned())];
    // The first look, a second after, begins to count.
    let expected = [ejections(11).to_vec(), vec![(31, "panic/api/- fires".to_owned())]].concat();
    assert_eq!(world.watch(100), expected);
    assert_eq!(world.alerts.firing().count(), 3);
    for address in ["http://a:1", "http://b:1"] {
        world.balancer.clear_health_override("api", address).expect("it is there");
    }
    let ends = world.watch(100);
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|(second, told)| *second == 61 && told.ends_with("ends")), "{ends:?}");
    assert_eq!(world.alerts.firing().count(), 0);
}

#[test]
fn a_budget_fires_at_eighty_percent_and_ends_with_its_window() {
    let mut world = World::new(AlertRules::new().with_budget(BudgetRule::default()));
    let spend = |world: &World, requests| {
        (0..requests).for_each(|_| drop(world.balancer.try_acquire(&Ask::new("acme")).expect("a seat")));
    };
    // What is dropped without an outcome is not charged back: it is used.
    spend(&world, 79);
    let used = world.balancer.own_limits_of("acme").expect("it is there")[0].used();
    assert_eq!(used, 79);
    assert_eq!(world.watch(10), []);
    spend(&world, 1);
    assert_eq!(world.watch(10), [(1, "budget/-/acme fires".to_owned())]);
    world.clock.advance(seconds(32 * 24 * 3_600));
    assert_eq!(world.watch(100), [(61, "budget/-/acme ends".to_owned())]);
}

#[tokio::test]
async fn refusals_fire_for_the_tenant_and_the_pool_that_pass_the_share_for_long_enough() {
    let rule = RejectionRule::new(0.3).with_times(seconds(300), seconds(60)).with_min_requests(20);
    let mut world = World::new(AlertRules::new().with_rejection(rule));
    world.serve("umbrella", 200, 100).await;
    world.serve("acme", 429, 10).await;
    world.serve("acme", 200, 9).await;
    assert_eq!(world.watch(100), [], "nineteen requests are too few");
    world.serve("acme", 200, 1).await;
    assert_eq!(world.watch(100), [(61, "rejection/api/acme fires".to_owned())]);
    // It ends as the window slides on: 300 s after, give or take a tenth of a minute, and a minute of peace.
    let ends = world.watch(400);
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert!(ends[0].1 == "rejection/api/acme ends" && (150..=180).contains(&ends[0].0), "{ends:?}");
}

#[tokio::test]
async fn an_error_budget_that_burns_over_both_windows_fires_and_one_that_burnt_once_does_not() {
    let mut world = World::new(AlertRules::new().with_objective(Objective::new(0.99)));
    // 12 % bad: twelve times too fast, slow but not fast.
    world.serve("acme", 200, 88).await;
    world.serve("acme", 503, 12).await;
    let expected = ["slow_burn/api/- fires", "slow_burn/api/acme fires"];
    assert_eq!(sorted(world.look()), expected);
    // And 20 %: fast, too.
    world.serve("acme", 503, 10).await;
    assert_eq!(sorted(world.look()), ["fast_burn/api/- fires", "fast_burn/api/acme fires"]);
    // When it has stopped for the short window, it is over, though the long one still remembers.
    let ends = world.watch(500);
    let fast: Vec<_> = ends.iter().filter(|(_, told)| told.starts_with("fast")).collect();
    assert_eq!(fast.len(), 2, "{ends:?}");
    assert!(
        fast.iter().all(|(second, told)| told.ends_with("ends") && (340..=361).contains(second)),
        "{fast:?}"
    );
    assert_eq!(world.alerts.firing().count(), 2, "the slow ones last");
}

#[tokio::test]
async fn what_was_before_the_rules_is_nobodys_fault_and_refusals_burn_nothing() {
    let mut world = World::new(AlertRules::new().with_objective(Objective::new(0.99)));
    world.serve("acme", 429, 1_000).await;
    assert!(world.look().is_empty(), "the tenant's own limits are no fault of the pool");
    world.serve("acme", 503, 500).await;
    world.alerts = Alerts::new(AlertRules::new().with_objective(Objective::new(0.99)));
    assert!(world.look().is_empty());
    assert!(world.look().is_empty());
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_bad() {
    let late = Objective::new(0.99).with_latency(Duration::from_micros(999));
    let mut world = World::new(AlertRules::new().with_objective(late));
    world.serve("acme", 200, 100).await;
    // No bucket is so short: every answer is late.
    assert!(world.look().contains(&"fast_burn/api/acme fires".to_owned()));
}

#[test]
fn what_fires_without_a_rule_is_over_at_once_and_what_has_one_goes_on() {
    let both = AlertRules::new().with_panic(Duration::ZERO).with_ejection(Duration::ZERO);
    let mut world = World::new(both);
    for address in ["http://a:1", "http://b:1"] {
        world.balancer.override_health("api", address, HealthOverride::Ejected, None).expect("it is there");
    }
    assert_eq!(world.look().len(), 3);
    let panic = AlertRules::new().with_panic(seconds(30));
    let over = world.alerts.set_rules(panic.clone(), 7);
    assert_eq!(over.iter().map(told).collect::<Vec<_>>(), ["ejection/api/- ends", "ejection/api/- ends"]);
    assert_eq!(over[0].json()["resolved_unix_ms"], 7);
    assert!(world.alerts.set_rules(panic, 8).is_empty());
    assert_eq!(world.alerts.firing().map(told).collect::<Vec<_>>(), ["panic/api/- fires"]);
    let over = world.alerts.set_rules(AlertRules::new(), 9);
    assert_eq!(over.iter().map(told).collect::<Vec<_>>(), ["panic/api/- ends"]);
    assert_eq!(world.alerts.firing().count(), 0);
}

#[tokio::test]
async fn shares_beyond_their_bounds_are_the_nearest_that_make_sense() {
    let absurd = AlertRules::new()
        .with_objective(Objective::new(1.0))
        .with_rejection(RejectionRule::new(0.0))
        .with_budget(BudgetRule::new(f64::NAN));
    let mut world = World::new(absurd);
    world.serve("acme", 200, 200).await;
    assert_eq!(world.watch(200), [], "where nothing is used, bad or refused, nothing is alarming");
    world.serve("acme", 503, 1).await;
    assert_eq!(sorted(world.look()).len(), 4, "both burns, of the tenant and of all");
    for alert in world.alerts.firing() {
        assert!(alert.value().is_finite() && alert.threshold() > 0.0, "{alert:?}");
    }
    for share in [f64::NAN, -1.0, 0.0, 2.0, f64::INFINITY] {
        let rules = AlertRules::new().with_objective(Objective::new(share));
        let text = rules.with_rejection(RejectionRule::new(share)).prometheus();
        assert!(!text.contains("NaN") && !text.contains("inf") && !text.contains(">= 0 "), "{text}");
    }
    assert_eq!(BudgetRule::new(1.2), BudgetRule::new(1.2).with_hold(Duration::ZERO));
    assert_ne!(BudgetRule::new(1.2), BudgetRule::new(1.0), "more than a budget may be worth a word");
}

/// Every rule there is.
fn all_rules() -> AlertRules {
    let slow = Objective::new(0.99).with_latency(seconds(1));
    AlertRules::recommended().with_objective(Objective::new(0.999)).with_pool_objective("a\"p.i", slow)
}

#[test]
fn the_rule_file_is_yaml_and_names_only_metrics_that_are_told() {
    #[derive(serde::Deserialize)]
    struct File {
        groups: Vec<Group>,
    }
    #[derive(serde::Deserialize)]
    struct Group {
        rules: Vec<Rule>,
    }
    #[derive(serde::Deserialize)]
    struct Rule {
        alert: String,
        expr: String,
        r#for: String,
        annotations: std::collections::BTreeMap<String, String>,
    }
    let text = all_rules().prometheus();
    let file: File = serde_saphyr::from_str(&text).expect("YAML");
    let rules = &file.groups[0].rules;
    let names: BTreeSet<_> = rules.iter().map(|rule| rule.alert.as_str()).collect();
    let expected = [
        "TenantryBudgetNearlyUsed",
        "TenantryEndpointNotServing",
        "TenantryPoolFastBurn",
        "TenantryPoolInPanic",
        "TenantryPoolRefuses",
        "TenantryPoolSlowBurn",
        "TenantryTenantFastBurn",
        "TenantryTenantRefused",
        "TenantryTenantSlowBurn",
    ];
    assert!(names.iter().copied().eq(expected), "{names:?}");
    let world = World::new(AlertRules::new());
    let told = world.metrics.clone().with_guard(&Guard::new(GuardPolicy::new())).encode();
    let families: BTreeSet<_> =
        told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for rule in rules {
        assert!(rule.r#for.ends_with(['s', 'm']) && rule.annotations["summary"].contains("$labels."));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = rule.expr.split(|c| !is_name(c)).filter(|word| word.starts_with("tenantry_"));
        let mut count = 0;
        for word in words {
            let family = word.trim_end_matches("_total").trim_end_matches("_bucket");
            assert!(families.contains(family), "{family} of {} is not told", rule.alert);
            count += 1;
        }
        assert!(count > 0, "{}", rule.expr);
    }
    let burn = rules.iter().find(|rule| rule.alert == "TenantryTenantFastBurn").expect("it is there");
    assert!(
        burn.expr.contains("pool=\"a\\\"p.i\", le=\"1.0\"") && burn.expr.contains(">= 14.4 * (1 - 0.99)"),
        "{}",
        burn.expr
    );
    assert!(text.contains("pool!~"), "{text}");
    assert_eq!(AlertRules::new().prometheus(), "groups: []\n");
}

#[test]
fn alerts_are_bounded() {
    let world = World::new(AlertRules::new());
    let stats = world.balancer.stats();
    let budgets: Vec<_> =
        (0..1_500).map(|id| BudgetUse::new(format!("tenant-{id}"), "cost", 9, 10)).collect();
    let mut alerts = Alerts::new(AlertRules::new().with_budget(BudgetRule::default()));
    let seen = Observation::new(world.balancer.now(), 7, &stats).with_budgets(&budgets);
    assert_eq!(alerts.observe(&seen).len(), tenantry_tower::alert::MOST_ALERTS);
    assert_eq!(alerts.untold(), 500);
    let first = alerts.firing().next().expect("one").json();
    assert_eq!(
        (first["alert"].as_str(), first["value"].as_f64(), first["since_unix_ms"].as_u64()),
        (Some(AlertKind::Budget.name()), Some(0.9), Some(7))
    );
}

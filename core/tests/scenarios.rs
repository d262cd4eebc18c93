//! Replays `vectors/scenarios.json`, which Python and Node replay too.

use std::{
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use serde_json::{Value, json};
use tenantry::{
    Acquire, Attempt, Balancer, Config, EndpointChange, Format, Lease, ManualClock, Outcome, Rejection,
    Request, TenantSpec,
};

#[test]
fn every_scenario_gives_the_recorded_answers() {
    let text = include_str!("../../vectors/scenarios.json");
    let document: Value = serde_json::from_str(text).expect("the vectors are JSON");
    let scenarios = document["scenarios"].as_array().expect("a list of scenarios");
    assert!(scenarios.len() >= 20);
    for scenario in scenarios {
        Replay::of(scenario).run(scenario);
    }
}

struct Replay {
    name: String,
    clock: ManualClock,
    balancer: Balancer,
    leases: HashMap<String, Lease>,
    waiting: HashMap<String, Acquire>,
}

impl Replay {
    fn of(scenario: &Value) -> Self {
        let clock = ManualClock::starting_at(Duration::from_secs(scenario["unix_s"].as_u64().unwrap_or(0)));
        let balancer =
            Balancer::with_clock(config(&scenario["config"]).expect("a usable configuration"), clock.clone());
        Self {
            name: text(&scenario["name"]).to_owned(),
            clock,
            balancer: balancer.expect("a usable configuration"),
            leases: HashMap::new(),
            waiting: HashMap::new(),
        }
    }

    fn run(mut self, scenario: &Value) {
        for (number, step) in scenario["steps"].as_array().expect("a list of steps").iter().enumerate() {
            let answer = self.step(step);
            assert_eq!(answer, step["expect"], "{}, step {number}: {step}", self.name);
        }
        let stats = self.balancer.stats();
        assert!(
            stats.pools().iter().all(|pool| pool.in_flight() + pool.waiting() == 0),
            "{}: {stats:?}",
            self.name
        );
        assert!(stats.tenants().iter().all(|t| t.in_flight() + t.waiting() == 0), "{}: {stats:?}", self.name);
    }

    /// Takes one step and says what came of it.
    fn step(&mut self, step: &Value) -> Value {
        if let Some(nanos) = step["advance_ns"].as_u64() {
            self.clock.advance(Duration::from_nanos(nanos));
        } else if step.get("acquire").is_some() {
            let amounts = amounts(&step["acquire"]);
            let result = self.balancer.try_acquire_owned(&request(&step["acquire"]).amounts(&amounts));
            return self.keep(step["as"].as_str().unwrap_or("unnamed"), result);
        } else if step.get("wait").is_some() {
            let amounts = amounts(&step["wait"]);
            let acquire = self.balancer.acquire_owned(request(&step["wait"]).amounts(&amounts));
            self.waiting.insert(text(&step["as"]).to_owned(), acquire);
        } else if let Some(name) = step["poll"].as_str() {
            let acquire = self.waiting.get_mut(name).expect("it waits");
            let Poll::Ready(result) = Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop())) else {
                return json!("pending");
            };
            self.waiting.remove(name);
            return self.keep(name, result);
        } else if let Some(name) = step["finish"].as_str() {
            let mut lease = self.leases.remove(name).expect("a lease");
            lease.report(&amounts(step)).expect("known dimensions");
            lease.finish(outcome(step));
        } else if let Some(name) = step["first_byte"].as_str() {
            self.leases.get_mut(name).expect("a lease").first_byte();
        } else if let Some(name) = step["drop"].as_str() {
            assert!(
                self.leases.remove(name).is_some() || self.waiting.remove(name).is_some(),
                "{name} is neither"
            );
        } else {
            return self.limits_or_update(step);
        }
        Value::Null
    }

    fn limits_or_update(&mut self, step: &Value) -> Value {
        if step.get("check").is_some() {
            let amounts = amounts(&step["check"]);
            let verdict = self.balancer.check(&request(&step["check"]).amounts(&amounts));
            return verdict.map_or_else(refusal, |()| json!("ok"));
        }
        if let Some(name) = step["report"].as_str() {
            let lease = self.leases.get_mut(name).expect("a lease");
            let told = amounts(step).iter().try_for_each(|&amount| lease.report(&[amount]));
            return told.map_or_else(refusal, |()| Value::Null);
        }
        if let Some(id) = step["limits"].as_str() {
            let limits = self.balancer.limits_of(id).expect("it is there");
            return limits.iter().map(|limit| json!([limit.unit().key(), limit.used()])).collect();
        }
        if let Some(id) = step["set_tenant"].as_str() {
            let spec = TenantSpec::from_text(id, &step["spec"].to_string(), Format::Json);
            return updated(spec.and_then(|spec| self.balancer.set_tenant(id, &spec)).map(|()| json!("ok")));
        }
        if let Some(pool) = step["change_endpoints"].as_str() {
            let changes = EndpointChange::list_from_text(pool, &step["changes"].to_string(), Format::Json);
            let changed = changes.and_then(|changes| self.balancer.change_endpoints(pool, &changes));
            return updated(changed.map(|()| json!("ok")));
        }
        if let Some(name) = step["token"].as_str() {
            return json!(self.leases[name].affinity_token());
        }
        if let Some(id) = step["remove_tenant"].as_str() {
            return updated(self.balancer.remove_tenant(id).map(Value::Bool));
        }
        let config = config(&step["reconfigure"]);
        updated(config.and_then(|config| self.balancer.reconfigure(config)).map(|()| json!("ok")))
    }

    fn keep(&mut self, name: &str, result: Result<Lease, Rejection>) -> Value {
        match result {
            Ok(lease) => {
                let answer = json!({ "endpoint": lease.endpoint().address() });
                self.leases.insert(name.to_owned(), lease);
                answer
            }
            Err(rejection) => refusal(rejection),
        }
    }
}

fn refusal(rejection: Rejection) -> Value {
    match rejection.retry_after() {
        Some(wait) => {
            json!({ "rejection": rejection.code(), "retry_after_ns": u64::try_from(wait.as_nanos()).expect("under 584 years") })
        }
        None => json!({ "rejection": rejection.code() }),
    }
}

fn updated(result: Result<Value, tenantry::ConfigError>) -> Value {
    result.unwrap_or_else(|error| json!({ "path": error.path() }))
}

/// What a request or a step says of dimensions.
fn amounts(value: &Value) -> Vec<(&str, u64)> {
    let amounts = value["amounts"].as_object().into_iter().flatten();
    amounts.map(|(name, amount)| (&**name, amount.as_u64().expect("an amount"))).collect()
}

fn config(document: &Value) -> Result<Config, tenantry::ConfigError> {
    Config::from_text(&document.to_string(), Format::Json)
}

fn request(value: &Value) -> Request<'_> {
    let mut request = Request::new(text(&value["tenant"]));
    if let Some(pool) = value["pool"].as_str() {
        request = request.pool(pool);
    }
    if let Some(key) = value["key"].as_str() {
        request = request.key(key.as_bytes());
    }
    if let Some(cost) = value["cost"].as_u64() {
        request = request.cost(cost);
    }
    if let Some(urgency) = value["priority"].as_u64() {
        request = request.priority(u8::try_from(urgency).expect("0 to 7"));
    }
    if let Some(seats) = value["seats"].as_u64() {
        request = request.seats(u32::try_from(seats).expect("a width"));
    }
    if let Some(attempt) = value["attempt"].as_str() {
        request = request.attempt(Attempt::from_name(attempt).expect("an attempt"));
    }
    if let Some(token) = value["affinity"].as_str() {
        request = request.affinity(token);
    }
    if let Some(address) = value["prefer"].as_str() {
        request = request.prefer(address);
    }
    match value["timeout_ns"].as_u64() {
        Some(nanos) => request.timeout(Duration::from_nanos(nanos)),
        None => request,
    }
}

fn outcome(step: &Value) -> Outcome {
    let mut outcome = match text(&step["outcome"]) {
        "success" => Outcome::success(),
        "failure" => Outcome::failure(),
        "overload" => Outcome::overload(),
        other => unreachable!("no such outcome: {other}"),
    };
    if let Some(cost) = step["cost"].as_u64() {
        outcome = outcome.with_cost(cost);
    }
    if let Some(nanos) = step["latency_ns"].as_u64() {
        outcome = outcome.with_latency(Duration::from_nanos(nanos));
    }
    if let Some(nanos) = step["retry_after_ns"].as_u64() {
        outcome = outcome.with_retry_after(Duration::from_nanos(nanos));
    }
    outcome
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

//! Kubernetes' scenarios of API Priority and Fairness (`vectors/k8s-apf.json`) against the fair queue: clients with so many threads
//! that call, think and call again get their max-min share of the seats, on average, within the scenario's own margin.
#![cfg(feature = "config")]

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use serde_json::Value;
use tenantry::{
    Acquire, Balancer, CapacitySpec, Config, Lease, ManualClock, Outcome, PoolSpec, QueueSpec, Request,
    TenantSpec,
};

/// One client: its threads call for `exec`, then think for `think`.
struct Client {
    threads: u32,
    calls: u32,
    exec: u64,
    think: u64,
    width: u32,
    /// How long after one thread the next starts.
    apart: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Finish { thread: usize },
    Call { thread: usize },
}

/// A thread of a client, and what it is doing.
struct Thread {
    client: usize,
    left: u32,
    waiting: Option<Acquire>,
    running: Option<(Lease, u64)>,
}

struct World<'a> {
    balancer: Balancer,
    clock: ManualClock,
    clients: &'a [Client],
    threads: Vec<Thread>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    /// Seat-nanoseconds by client, up to the end of the evaluation.
    used: Vec<f64>,
    end: u64,
}

impl<'a> World<'a> {
    fn new(seats: u32, clients: &'a [Client], end: u64) -> Self {
        let clock = ManualClock::new();
        let years = Duration::from_secs(100 * 365 * 86_400);
        let pool = PoolSpec::new(["a"])
            .with_capacity(CapacitySpec::fixed(seats))
            .with_queue(QueueSpec::new().with_timeout(years).with_per_tenant(10_000));
        let tenants = (0..clients.len()).map(|client| (client.to_string(), TenantSpec::new()));
        let config = tenants
            .fold(Config::new().with_pool("pool", pool), |config, (id, spec)| config.with_tenant(id, spec));
        let balancer = Balancer::with_clock(config, clock.clone()).expect("it is valid");
        let mut world = Self {
            balancer,
            clock,
            clients,
            threads: vec![],
            events: BinaryHeap::new(),
            used: vec![0.0; clients.len()],
            end,
        };
        for (index, client) in clients.iter().enumerate() {
            for thread in 0..client.threads {
                let start = client.apart * u64::from(thread) + 20 * index as u64;
                world.events.push(Reverse((start, Event::Call { thread: world.threads.len() })));
                world.threads.push(Thread {
                    client: index,
                    left: client.calls,
                    waiting: None,
                    running: None,
                });
            }
        }
        world
    }

    /// Runs to the end of the evaluation; the seats that each client had on average.
    fn run(mut self) -> Vec<f64> {
        let mut now = 0;
        while let Some(Reverse((at, event))) = self.events.pop().filter(|Reverse((at, _))| *at <= self.end) {
            self.clock.advance(Duration::from_nanos(at - now));
            now = at;
            match event {
                Event::Call { thread } => {
                    let Thread { client, left, .. } = self.threads[thread];
                    if left > 0 {
                        let width = self.clients[client].width;
                        let tenant = client.to_string();
                        let acquire = self.balancer.acquire_owned(Request::new(&tenant).seats(width));
                        self.threads[thread].left -= 1;
                        self.threads[thread].waiting = Some(acquire);
                    }
                }
                Event::Finish { thread } => {
                    let (lease, since) = self.threads[thread].running.take().expect("it runs");
                    lease.finish(Outcome::success());
                    self.account(thread, since, now);
                    let think = self.clients[self.threads[thread].client].think;
                    self.events.push(Reverse((now + think, Event::Call { thread })));
                }
            }
            self.start(now);
        }
        for thread in 0..self.threads.len() {
            if let Some((_, since)) = self.threads[thread].running.take() {
                self.account(thread, since, self.end);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "averages")]
        self.used.iter().map(|used| used / self.end as f64).collect()
    }

    /// Whoever has got seats runs.
    fn start(&mut self, now: u64) {
        for (index, thread) in self.threads.iter_mut().enumerate() {
            let Some(acquire) = &mut thread.waiting else { continue };
            let polled = Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(lease) = polled {
                thread.waiting = None;
                thread.running = Some((lease.expect("nobody is refused"), now));
                let exec = self.clients[thread.client].exec;
                self.events.push(Reverse((now + exec, Event::Finish { thread: index })));
            }
        }
    }

    fn account(&mut self, thread: usize, since: u64, until: u64) {
        let client = self.threads[thread].client;
        #[expect(clippy::cast_precision_loss, reason = "averages")]
        let spent = (until - since) as f64 * f64::from(self.clients[client].width);
        self.used[client] += spent;
    }
}

/// Max-min fair shares of a capacity.
fn fair_shares(demands: &[f64], capacity: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by(|&a, &b| demands[a].total_cmp(&demands[b]));
    let mut shares = vec![0.0; demands.len()];
    let mut left = capacity;
    for (served, &index) in order.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a handful of clients")]
        let share = left / (demands.len() - served) as f64;
        shares[index] = demands[index].min(share);
        left -= shares[index];
    }
    shares
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/k8s-apf.json")).expect("it is JSON")
}

fn whole(value: &Value) -> u32 {
    u32::try_from(value.as_u64().expect("a whole number")).expect("it fits")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of scenarios")]
fn nanos(value: &Value, unit: f64) -> u64 {
    (value.as_f64().expect("a number") * unit * 1e9) as u64
}

#[test]
fn scenarios_stay_within_their_margins() {
    let vectors = vectors();
    let mut replayed = 0;
    for scenario in vectors["scenarios"].as_array().expect("a list") {
        // Without a queue nothing is fair, says the scenario itself.
        if scenario["name"] == "WithoutQueuing" {
            continue;
        }
        let unit = if scenario["time_unit"] == "91 days" { 91.0 * 86_400.0 } else { 1.0 };
        let clients: Vec<Client> = scenario["clients"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|client| Client {
                threads: whole(&client[1]),
                calls: whole(&client[2]),
                exec: nanos(&client[3], unit),
                think: nanos(&client[4], unit),
                width: whole(&client[5]),
                apart: 90,
            })
            .collect();
        let seats = whole(&scenario["C"]);
        let end = scenario.get("eval_s").unwrap_or_else(|| &scenario["eval_units"]);
        let used = World::new(seats, &clients, nanos(end, unit)).run();
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        let demand = |client: &Client| {
            let busy = client.exec as f64 / (client.exec + client.think) as f64;
            f64::from(client.threads * client.width) * busy
        };
        let demands: Vec<f64> = clients.iter().map(demand).collect();
        let shares = fair_shares(&demands, f64::from(seats));
        let margin = scenario["margin"].as_f64().expect("a number").max(1e-6);
        for (used, share) in used.iter().zip(&shares) {
            let name = &scenario["name"];
            assert!((used - share).abs() <= margin * share, "{name}: {used} seats, due {share}");
        }
        replayed += 1;
    }
    assert_eq!(replayed, 5);
}

#[test]
fn demands_below_their_share_are_met_and_the_rest_is_shared_evenly() {
    let vectors = vectors();
    for case in vectors["fair_alloc"].as_array().expect("a list") {
        let list =
            |key: &str| -> Vec<u32> { case[key].as_array().expect("a list").iter().map(whole).collect() };
        // A call of one second comes so many times a second, whether the one before has ended or not.
        let client = |demand: u32| {
            let (threads, apart) = (demand * SECONDS, SECOND / u64::from(demand.max(1)));
            Client { threads, calls: 1, exec: SECOND, think: 0, width: 1, apart }
        };
        let clients: Vec<Client> = list("demand").into_iter().map(client).collect();
        let used = World::new(whole(&case["cap"]), &clients, u64::from(SECONDS) * SECOND).run();
        for (used, due) in used.iter().zip(list("alloc")) {
            assert!((used - f64::from(due)).abs() <= 0.03 * f64::from(due), "{used}, due {due}: {case}");
        }
    }
}

const SECOND: u64 = 1_000_000_000;
const SECONDS: u32 = 60;

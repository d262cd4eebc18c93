//! The queue against the theorem, the published small cases and its own bounds.

use std::{collections::VecDeque, time::Duration};

use proptest::prelude::*;

use super::{
    door::Joining,
    queue::{FairQueue, QueueLimits},
    waiters::{Standing, WaiterId, Wakers},
    *,
};
use crate::{
    admission::{seat::Seat, seats::Taken},
    config::{CodelSpec, QueueOrder, SeatsSpec},
    pool::Wants,
    rejection::Rejection,
    time::Time,
};

const LIMITS: QueueLimits = QueueLimits {
    per_tenant: 1_000,
    total: 100_000,
    timeout: Duration::from_secs(1),
    order: QueueOrder::Fifo,
    aging: Duration::from_secs(1),
    codel: None,
    guarded: false,
};
const FOREVER: Time = Time::from_nanos(u64::MAX);

const fn level(key: u64, weight: u32) -> Level {
    Level { key, weight, seats: SeatsSpec::none() }
}

/// One request of a tenant, as the tests write it.
#[derive(Clone, Copy)]
struct Ask {
    tenant: u64,
    weight: u32,
    cost: u64,
    class: u8,
    deadline: Time,
}

const fn ask(tenant: u64, weight: u32, cost: u64) -> Ask {
    Ask { tenant, weight, cost, class: 0, deadline: FOREVER }
}

/// A queue, and the requests in it by who they are.
struct Bench {
    queue: FairQueue,
    limits: QueueLimits,
    waiting: Vec<(WaiterId, u64)>,
    now: Time,
}

impl Bench {
    fn new() -> Self {
        Self::with(LIMITS)
    }

    fn with(limits: QueueLimits) -> Self {
        Self { queue: FairQueue::new(), limits, waiting: vec![], now: Time::ZERO }
    }

    fn try_join(&mut self, ask: Ask, above: &[Level]) -> Result<WaiterId, Rejection> {
        let Ask { tenant, weight, cost, class, deadline } = ask;
        let tenant = &level(tenant, weight);
        let wants = Wants { cost, ..Wants::default() };
        let joining = Joining { above, tenant, wants, width: 1, class, deadline };
        let id = self.queue.join(&joining, &self.limits, self.now, &mut Wakers::new())?;
        self.waiting.push((id, ask.tenant));
        Ok(id)
    }

    fn join(&mut self, ask: Ask) -> WaiterId {
        self.try_join(ask, &[]).expect("there is room")
    }

    /// Dispatches the next: who it is, whose, and its seat.
    fn next(&mut self) -> Option<(WaiterId, u64, Seat)> {
        let next = self.queue.next(&self.limits, self.now, &mut Wakers::new())?;
        self.queue.seat(next, Taken::new(0, next.width), self.now);
        let seated = |id: WaiterId| match self.queue.waiters.get(id.0).standing {
            Standing::Seated(seat) => Some(seat),
            Standing::Waiting | Standing::Rejected(_) => None,
        };
        let (index, seat) =
            self.waiting.iter().enumerate().find_map(|(index, &(id, _))| Some((index, seated(id)?)))?;
        let (id, tenant) = self.waiting.remove(index);
        self.queue.forget(id);
        Some((id, tenant, seat))
    }

    /// Whose the next `count` are, each finished before the one after it.
    fn order(&mut self, count: usize) -> Vec<u64> {
        let next = || {
            let (_, tenant, seat) = self.next()?;
            self.queue.release(seat, 1, 1);
            Some(tenant)
        };
        std::iter::from_fn(next).take(count).collect()
    }

    fn standing(&mut self, id: WaiterId) -> Standing {
        self.queue.poll(id, &mut None, self.now)
    }

    fn is_empty(&self) -> bool {
        self.queue.waiting() == 0 && self.queue.tree.nodes.len() == 1 && self.queue.waiters.is_empty()
    }
}

#[test]
fn one_tenants_crowd_does_not_delay_another() {
    let mut bench = Bench::new();
    for _ in 0..50 {
        bench.join(ask(1, 1, 1));
    }
    assert_eq!(bench.order(1), [1]);
    bench.join(ask(2, 1, 1));
    assert!(bench.order(2).contains(&2));
}

#[test]
fn shares_follow_weight_and_cost() {
    let mut bench = Bench::new();
    for _ in 0..400 {
        for ask in [ask(1, 1, 1), ask(2, 3, 1), ask(3, 3, 3)] {
            bench.join(ask);
        }
    }
    let order = bench.order(500);
    let count = |tenant| order.iter().filter(|&&other| other == tenant).count();
    // Weight 3 at cost 3 gets as many as weight 1 at cost 1.
    let counts = [count(1), count(2), count(3)];
    assert!(
        counts[0].abs_diff(100) <= 2 && counts[1].abs_diff(300) <= 2 && counts[2].abs_diff(100) <= 2,
        "{counts:?}"
    );
}

#[test]
fn a_full_queue_turns_away_the_newest_of_the_tenant_furthest_over_its_share() {
    let mut bench = Bench::with(QueueLimits { per_tenant: 8, total: 10, ..LIMITS });
    let crowd: Vec<_> = (0..8).map(|_| bench.join(ask(1, 1, 1))).collect();
    assert_eq!(bench.try_join(ask(1, 1, 1), &[]), Err(Rejection::QueueFull), "its own line is full");
    for tenant in 2..6 {
        assert!(bench.try_join(ask(tenant, 1, 1), &[]).is_ok(), "tenant {tenant} is under its share");
    }
    assert_eq!(bench.queue.waiting(), 10);
    assert_eq!(bench.standing(crowd[7]), Standing::Rejected(Rejection::QueueFull));
    assert_eq!(bench.standing(crowd[6]), Standing::Rejected(Rejection::QueueFull));
    assert_eq!(bench.standing(crowd[5]), Standing::Waiting);
}

#[test]
fn a_full_queue_looks_for_the_furthest_over_its_share_at_every_level() {
    let mut bench = Bench::with(QueueLimits { per_tenant: 8, total: 10, ..LIMITS });
    let (big, small) = ([level(100, 9)], [level(200, 1)]);
    for _ in 0..7 {
        bench.try_join(ask(1, 1, 1), &big).expect("there is room");
    }
    let newest = (0..3).map(|_| bench.try_join(ask(2, 1, 1), &small).expect("there is room")).last();
    // Tenant 1 has more waiting, but its team may: 7/9 is less than 3/1.
    assert!(bench.try_join(ask(3, 1, 1), &big).is_ok());
    assert_eq!(bench.standing(newest.expect("three")), Standing::Rejected(Rejection::QueueFull));
    // Beside tenant 2 a newcomer of the same team is under its share; beside the other team its own is not.
    assert!(bench.try_join(ask(4, 1, 1), &small).is_ok());
    assert_eq!(bench.try_join(ask(4, 1, 5), &small), Err(Rejection::QueueFull));
}

#[test]
fn requests_of_no_cost_crowd_nobody_out() {
    let mut bench = Bench::with(QueueLimits { per_tenant: 8, total: 10, ..LIMITS });
    let mut join = |tenant, cost| bench.try_join(ask(tenant, 1, cost), &[]);
    assert!(join(2, 1).is_ok() && join(2, 1).is_ok());
    assert!((0..8).all(|_| join(1, 0).is_ok()));
    assert_eq!(join(1, 0), Err(Rejection::QueueFull));
    assert!(join(3, 1).is_ok(), "the tenant with eight waiting makes room");
}

/// A crowd whose tenants ask once each leaves as many tags behind. No request pays for forgetting all of them.
#[test]
fn a_crowd_that_has_gone_is_forgotten_a_few_at_a_time() {
    let mut bench = Bench::new();
    for tenant in 1..=2_000 {
        bench.join(ask(tenant, 1, 1));
    }
    // Each of another team, so that it goes on resting when nobody asks there any more.
    let team = [level(1 << 63, 1)];
    for tenant in 3_001..=3_500 {
        bench.try_join(ask(tenant, 1, 1), &team).expect("there is room");
    }
    let mut seats = vec![];
    while let Some((_, _, seat)) = bench.next() {
        seats.push(seat);
    }
    let mut most = bench.queue.tree.nodes.len();
    let mut forgot = |bench: &Bench| {
        let nodes = std::mem::replace(&mut most, bench.queue.tree.nodes.len());
        assert!(nodes.saturating_sub(most) <= 40, "{nodes} nodes became {most} at once");
    };
    for seat in seats {
        bench.queue.release(seat, 1, 1);
        forgot(&bench);
    }
    // A busy period whose virtual time runs past all that was left.
    for _ in 0..4_000 {
        bench.join(ask(9_999, 1, 1));
        let (_, _, seat) = bench.next().expect("it is its turn");
        bench.queue.release(seat, 1, 1);
        bench.queue.tidy();
        forgot(&bench);
    }
    assert!(bench.is_empty(), "{} nodes are left", bench.queue.tree.nodes.len());
}

#[test]
fn whoever_leaves_charges_nothing() {
    let mut bench = Bench::new();
    let gone: Vec<_> = (0..10).map(|_| bench.join(ask(1, 1, 100))).collect();
    for tenant in [1, 2, 2] {
        bench.join(ask(tenant, 1, 1));
    }
    for id in gone {
        assert_eq!(bench.queue.forget(id).0, Standing::Waiting);
    }
    bench.waiting.retain(|&(id, _)| id.0 >= 10);
    assert_eq!(bench.order(3), [1, 2, 2], "the one left of tenant 1 is its first");
    assert!(bench.is_empty());
}

#[test]
fn the_expired_are_told_so() {
    let mut bench = Bench::new();
    let deadline = Time::from_nanos(10);
    let id = bench.join(Ask { deadline, ..ask(1, 1, 1) });
    bench.now = Time::from_nanos(9);
    assert_eq!(bench.standing(id), Standing::Waiting);
    bench.now = deadline;
    assert_eq!(bench.standing(id), Standing::Rejected(Rejection::TimedOut));
    assert!(bench.is_empty());
}

#[test]
fn the_expired_are_never_seated_and_leave_without_being_asked() {
    let mut bench = Bench::new();
    let (soon, later) = (Time::from_nanos(10), Time::from_nanos(5_000_000));
    bench.join(Ask { deadline: soon, ..ask(1, 1, 1) });
    bench.join(Ask { deadline: later, ..ask(1, 1, 1) });
    bench.now = soon;
    assert!(bench.next().is_some_and(|(id, ..)| id.0 == 1), "the first is past its time");
    bench.join(Ask { deadline: later, ..ask(1, 1, 1) });
    let mut wakers = Wakers::new();
    bench.queue.expire_exactly(Time::from_nanos(4_999_999), &mut wakers);
    assert_eq!(bench.queue.waiting(), 1);
    bench.queue.expire_exactly(later, &mut wakers);
    assert_eq!(bench.queue.waiting(), 0);
}

#[test]
fn a_tenant_that_declares_too_little_pays_back() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        bench.join(ask(1, 1, 1));
        bench.join(ask(2, 1, 1));
    }
    let mut service = [0_u64; 3];
    for _ in 0..60 {
        let (_, tenant, seat) = bench.next().expect("both are backlogged");
        let actual = if tenant == 1 { 5 } else { 1 };
        service[usize::try_from(tenant).expect("small")] += actual;
        bench.queue.release(seat, 1, actual);
    }
    // Within the bound of two seats' worth of its real cost.
    assert!(service[1].abs_diff(service[2]) <= 2 * (5 + 1), "{service:?}");
}

#[test]
fn what_was_declared_too_high_is_given_back() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        bench.join(ask(1, 1, 8));
        bench.join(ask(2, 1, 2));
    }
    let mut served = [0_u64; 3];
    for _ in 0..80 {
        let (_, tenant, seat) = bench.next().expect("both are backlogged");
        served[usize::try_from(tenant).expect("small")] += 1;
        bench.queue.release(seat, if tenant == 1 { 8 } else { 2 }, 2);
    }
    assert!(served[1].abs_diff(served[2]) <= 5, "{served:?}");
}

#[test]
fn a_teams_share_holds_at_every_level() {
    let mut bench = Bench::with(QueueLimits { per_tenant: 10_000, ..LIMITS });
    let (one, two) = ([level(100, 1)], [level(200, 3)]);
    for _ in 0..1_000 {
        for tenant in 1..=4 {
            bench.try_join(ask(tenant, 1, 1), &one).expect("there is room");
        }
        bench.try_join(ask(5, 1, 1), &two).expect("there is room");
        bench.try_join(ask(6, 2, 1), &two).expect("there is room");
    }
    let order = bench.order(1_200);
    let counts: Vec<usize> =
        (1..=6).map(|tenant| order.iter().filter(|&&other| other == tenant).count()).collect();
    // A quarter for the first team's four, three quarters for the other's two at 1 : 2.
    let expected = [75, 75, 75, 75, 300, 600];
    assert!(counts.iter().zip(expected).all(|(&count, wanted)| count.abs_diff(wanted) <= 3), "{counts:?}");
}

#[test]
fn the_more_urgent_goes_first_within_its_tenant_until_the_others_have_waited() {
    let mut bench = Bench::new();
    let urgency = |class| Ask { class, ..ask(1, 1, 1) };
    let lazy = bench.join(urgency(5));
    bench.now = Time::from_nanos(1_000_000_000);
    let urgent = bench.join(urgency(2));
    assert_eq!(bench.next().map(|(id, ..)| id), Some(urgent));
    // Three classes are worth three seconds.
    bench.now = Time::from_nanos(3_000_000_001);
    bench.join(urgency(2));
    assert_eq!(bench.next().map(|(id, ..)| id), Some(lazy));
}

#[test]
fn a_full_line_makes_room_for_the_more_urgent() {
    let mut bench = Bench::with(QueueLimits { per_tenant: 2, ..LIMITS });
    let urgency = |class| Ask { class, ..ask(1, 1, 1) };
    bench.join(urgency(3));
    let newest = bench.join(urgency(3));
    assert_eq!(bench.try_join(urgency(3), &[]), Err(Rejection::QueueFull));
    assert!(bench.try_join(urgency(1), &[]).is_ok());
    assert_eq!(bench.standing(newest), Standing::Rejected(Rejection::QueueFull));
}

#[test]
fn adaptive_lifo_serves_the_newest_of_a_standing_line() {
    let mut bench = Bench::with(QueueLimits { order: QueueOrder::AdaptiveLifo, ..LIMITS });
    let ids: Vec<_> = (0..4).map(|_| bench.join(ask(1, 1, 1))).collect();
    assert_eq!(bench.next().map(|(id, ..)| id), Some(ids[0]));
    bench.now = Time::from_nanos(100_000_001);
    assert_eq!(bench.next().map(|(id, ..)| id), Some(ids[3]));
    assert_eq!(bench.next().map(|(id, ..)| id), Some(ids[2]));
}

#[test]
fn codel_thins_the_line_that_stands_and_no_other() {
    let mut bench = Bench::with(QueueLimits { codel: Some(CodelSpec::new()), ..LIMITS });
    for _ in 0..500 {
        bench.join(ask(1, 1, 1));
    }
    let mut quiet = 0;
    for millis in (0..1_000).step_by(10) {
        bench.now = Time::from_nanos(millis * 1_000_000);
        bench.join(ask(2, 1, 1));
        for _ in 0..2 {
            let (_, tenant, seat) = bench.next().expect("somebody waits");
            bench.queue.release(seat, 1, 1);
            quiet += u32::from(tenant == 2);
        }
    }
    assert_eq!(quiet, 100, "nobody of the quiet tenant is turned away");
    // Served: 100. More than ten were turned away: one after 100 ms, and ever faster.
    assert!(bench.queue.waiting() < 390, "{}", bench.queue.waiting());
}

#[test]
fn whoever_would_wait_too_long_is_refused_at_the_door() {
    let mut bench = Bench::new();
    // One dispatch every 10 ms; 200 wait: the next would wait 2 s.
    for _ in 0..300 {
        bench.join(ask(1, 1, 1));
    }
    for step in 0..100_u64 {
        bench.now = Time::from_nanos(step * 10_000_000);
        assert_eq!(bench.order(1), [1]);
    }
    let with_patience =
        |millis: u64| Ask { deadline: bench.now + Duration::from_millis(millis), ..ask(1, 1, 1) };
    let (short, long) = (with_patience(1_500), with_patience(2_500));
    let Err(Rejection::WouldTimeOut { retry_after }) = bench.try_join(short, &[]) else {
        panic!("it waits in vain");
    };
    assert!((400..600).contains(&retry_after.as_millis()), "{retry_after:?}");
    assert!(bench.try_join(long, &[]).is_ok());
    // Another tenant's turn comes at once.
    assert!(bench.try_join(Ask { tenant: 2, ..short }, &[]).is_ok());
}

#[test]
fn a_new_weight_counts_from_the_next_dispatch() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        bench.join(ask(1, 1, 1));
        bench.join(ask(2, 1, 1));
    }
    bench.order(20);
    bench.queue.reconfigure(&[], &|key| Some(level(key, if key == 1 { 4 } else { 1 })));
    let order = bench.order(50);
    let first = order.iter().filter(|&&tenant| tenant == 1).count();
    assert!(first.abs_diff(40) <= 2, "{first}");
}

#[test]
fn tags_never_overflow() {
    let mut bench = Bench::new();
    let first = bench.join(ask(9, 1, 1));
    bench.queue.tree.node_mut(0).group_mut().virtual_time = (1 << 120) - 1;
    for _ in 0..50 {
        bench.join(ask(1, 1, u64::MAX));
        bench.join(ask(2, 1, u64::MAX));
    }
    assert_eq!(bench.standing(first), Standing::Waiting);
    let order = bench.order(101);
    assert_eq!(order.len(), 101);
    let fair = order[1..].chunks(2).filter(|pair| pair.contains(&1) && pair.contains(&2)).count();
    assert_eq!(fair, 50, "{order:?}");
    assert!(bench.is_empty());
}

#[test]
fn the_published_small_cases_exactly() {
    let cases = include_str!("../../../../vectors/sfqd-small-domain.csv");
    let mut seen = 0;
    for case in cases.lines().skip(1) {
        let fields: Vec<&str> = case.split(',').collect();
        let number = |index: usize| fields[index].parse::<u64>().expect("a number");
        let list =
            |index: usize| fields[index].split(' ').map(|n| n.parse::<usize>().expect("a number")).collect();
        let (depth, weights, costs) = (number(0), [number(1), number(2)], [number(3), number(4)]);
        let (completions, expected): (Vec<usize>, Vec<usize>) = (list(5), list(6));
        let mut bench = Bench::new();
        for flow in 0..2 {
            let weight = u32::try_from(weights[flow]).expect("small");
            for _ in 0..10 {
                bench.join(ask(flow as u64, weight, costs[flow]));
            }
        }
        let (mut running, mut order, mut service) = (vec![], vec![], [0_u64; 2]);
        let mut dispatch = |bench: &mut Bench, running: &mut Vec<(usize, Seat)>| {
            let (_, tenant, seat) = bench.next().expect("both are backlogged");
            let flow = usize::try_from(tenant).expect("small");
            running.push((flow, seat));
            order.push(flow);
        };
        (0..depth).for_each(|_| dispatch(&mut bench, &mut running));
        for selector in completions {
            let (flow, seat) = running.remove(selector % running.len());
            bench.queue.release(seat, costs[flow], costs[flow]);
            service[flow] += costs[flow];
            dispatch(&mut bench, &mut running);
        }
        order.truncate(expected.len());
        assert_eq!(order, expected, "{case}");
        assert_eq!(service, [number(7), number(8)], "{case}");
        seen += 1;
    }
    assert_eq!(seen, 612);
}

/// A random trace: weights, a team for each tenant, and what happens.
#[derive(Clone, Debug)]
struct Trace {
    depth: usize,
    weights: Vec<u32>,
    teams: Vec<u64>,
    events: Vec<Event>,
}

#[derive(Clone, Debug)]
enum Event {
    Join { tenant: usize, cost: u64 },
    Finish { which: usize },
    Leave { which: usize },
}

fn traces() -> impl Strategy<Value = Trace> {
    let event = prop_oneof![
        4 => (0_usize..6, 1_u64..50).prop_map(|(tenant, cost)| Event::Join { tenant, cost }),
        4 => any::<usize>().prop_map(|which| Event::Finish { which }),
        1 => any::<usize>().prop_map(|which| Event::Leave { which }),
    ];
    let tenants = prop::collection::vec((1_u32..20, 0_u64..3), 2..6);
    (1_usize..6, tenants, prop::collection::vec(event, 20..400)).prop_map(|(depth, tenants, events)| {
        let (weights, teams) = tenants.into_iter().unzip();
        Trace { depth, weights, teams, events }
    })
}

/// What a flow of the trace (a tenant, or a team) has had.
#[derive(Clone, Debug, Default)]
struct Account {
    waiting: usize,
    largest: f64,
    /// Service over weight at each pair's start is taken from here.
    served: f64,
    backlogged_since: usize,
}

#[expect(clippy::cast_precision_loss, reason = "small costs")]
fn over(cost: u64, weight: u32) -> f64 {
    cost as f64 / f64::from(weight)
}

const TEAM_WEIGHTS: [u32; 3] = [1, 2, 5];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Invariant 3 at both levels of a tree: while two siblings are backlogged, what they were served over weight differs by at most
    /// (D + 1)(cf/wf + cg/wg), whatever joins, finishes and leaves. And nothing is left at the end.
    #[test]
    fn backlogged_siblings_stay_within_the_bound(trace in traces()) {
        let tenants = trace.weights.len();
        let mut bench = Bench::new();
        let mut running: VecDeque<Seat> = VecDeque::new();
        // Tenants first, then teams.
        let mut accounts = vec![Account::default(); tenants + 3];
        let mut history: Vec<Vec<f64>> = vec![];
        let mut costs = std::collections::HashMap::new();
        let group = |flow: usize| if flow < tenants { trace.teams[flow] } else { 9 };
        let flows = |tenant: usize| [(tenant, trace.weights[tenant]), (tenants + usize::try_from(trace.teams[tenant]).expect("small"), TEAM_WEIGHTS[usize::try_from(trace.teams[tenant]).expect("small")])];
        for event in &trace.events {
            match *event {
                Event::Join { tenant, cost } => {
                    let tenant = tenant % tenants;
                    let team = trace.teams[tenant];
                    let above = [level(1_000 + team, TEAM_WEIGHTS[usize::try_from(team).expect("small")])];
                    let id = bench.try_join(ask(tenant as u64, trace.weights[tenant], cost), &above).expect("there is room");
                    costs.insert(id.0, (tenant, cost));
                    for (flow, weight) in flows(tenant) {
                        let account = &mut accounts[flow];
                        account.largest = account.largest.max(over(cost, weight));
                        account.waiting += 1;
                        if account.waiting == 1 {
                            account.backlogged_since = history.len();
                        }
                    }
                }
                Event::Finish { which } if !running.is_empty() => {
                    let index = which % running.len();
                    let seat = running.remove(index).expect("it is in range");
                    bench.queue.release(seat, 1, 1);
                }
                Event::Leave { which } if !bench.waiting.is_empty() => {
                    let index = which % bench.waiting.len();
                    let (id, _) = bench.waiting.remove(index);
                    bench.queue.forget(id);
                    let (tenant, _) = costs[&id.0];
                    flows(tenant).iter().for_each(|&(flow, _)| accounts[flow].waiting -= 1);
                }
                _ => {}
            }
            while running.len() < trace.depth && let Some((id, _, seat)) = bench.next() {
                running.push_back(seat);
                let (tenant, cost) = costs[&id.0];
                history.push(accounts.iter().map(|account| account.served).collect());
                for (flow, weight) in flows(tenant) {
                    accounts[flow].waiting -= 1;
                    accounts[flow].served += over(cost, weight);
                }
                for f in 0..accounts.len() {
                    for g in 0..f {
                        if group(f) != group(g) || accounts[f].waiting == 0 || accounts[g].waiting == 0 {
                            continue;
                        }
                        let since = accounts[f].backlogged_since.max(accounts[g].backlogged_since);
                        let before = |flow: usize| history.get(since).map_or(accounts[flow].served, |past| past[flow]);
                        let difference = ((accounts[f].served - before(f)) - (accounts[g].served - before(g))).abs();
                        #[expect(clippy::cast_precision_loss, reason = "small")]
                        let bound = (trace.depth + 1) as f64 * (accounts[f].largest + accounts[g].largest);
                        prop_assert!(difference <= bound + 1e-6, "{difference} > {bound}");
                    }
                }
            }
        }
        for (id, _) in std::mem::take(&mut bench.waiting) {
            bench.queue.forget(id);
        }
        running.into_iter().for_each(|seat| bench.queue.release(seat, 1, 1));
        prop_assert!(bench.is_empty());
    }
}

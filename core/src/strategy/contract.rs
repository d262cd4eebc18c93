//! What every strategy must hold, whatever it optimises.

use std::{collections::HashSet, sync::Arc, time::Duration};

use super::{
    Candidates, Custom, Ketama, LeastLoaded, Maglev, P2c, Prequal, Random, Rendezvous, Ring, RoundRobin,
    Strategy, Turn, Weighted,
};
use crate::{
    config::{LoadKind, PrequalSpec, RingSpec},
    custom,
    endpoint::Member,
    ewma::decay_rate,
    health::Scrutiny,
    health::{OutlierRules, TEST_RULES},
    load::{ProbeReport, WeightRules},
    rng,
    time::Time,
};

pub(super) fn strategies(weights: &[u32]) -> Vec<Strategy> {
    let rules =
        WeightRules { blackout: Duration::ZERO, expiry: Duration::from_secs(180), error_penalty: 1.0 };
    let loads = [LoadKind::PeakEwma, LoadKind::InFlight, LoadKind::Reported];
    let p2c = loads.into_iter().flat_map(|load| [P2c::new(2, load), P2c::new(5, load)]).map(Strategy::P2c);
    let least_loaded = loads.into_iter().map(|load| Strategy::LeastLoaded(LeastLoaded::new(load)));
    p2c.chain(least_loaded)
        .chain([
            Strategy::RoundRobin(RoundRobin::new(weights)),
            Strategy::RoundRobin(RoundRobin::new(weights).with_phase(rng::draw(9, 9))),
            Strategy::Random(Random::new(weights)),
            Strategy::Prequal(Prequal::new(&PrequalSpec::new(), weights.len(), 5, &Arc::default())),
            Strategy::Weighted(Box::new(Weighted::new(weights, rules, Duration::from_secs(1), 7))),
            Strategy::Custom(Custom::new(Arc::new(ByDraw))),
            Strategy::Custom(Custom::new(Arc::new(Wrong))),
        ])
        .chain(by_points(weights))
        .chain(by_score(weights))
        .collect()
}

/// Where weights are huge there are millions of points, which take a test build many seconds.
fn by_points(weights: &[u32]) -> Vec<Strategy> {
    let addresses: Vec<String> = (0..weights.len()).map(address).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let sum: u64 = weights.iter().copied().map(u64::from).sum();
    let ketama = || Strategy::Ketama(Arc::new(Ketama::new(&addresses, weights, None)));
    let ring = || Strategy::Ring(Arc::new(Ring::new(RingSpec::new(), &addresses, weights, None)));
    if sum > 10_000 { vec![] } else { vec![ketama(), ring()] }
}

fn by_score(weights: &[u32]) -> [Strategy; 2] {
    let addresses: Vec<String> = (0..weights.len()).map(address).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    [
        Strategy::Maglev(Arc::new(Maglev::new(65_537, &addresses, weights))),
        Strategy::Rendezvous(Arc::new(Rendezvous::new(&addresses, weights))),
    ]
}

/// Whether shares are as even as 160 points per weight make them.
fn stands_at_points(strategy: &Strategy) -> bool {
    matches!(strategy, Strategy::Ketama(_) | Strategy::Ring(_))
}

/// Whether it goes by weight at each pick, whatever is in flight.
fn goes_by_weight(strategy: &Strategy) -> bool {
    let in_turn = matches!(strategy, Strategy::RoundRobin(_) | Strategy::Random(_) | Strategy::Weighted(_));
    in_turn || matches!(strategy, Strategy::Maglev(_) | Strategy::Rendezvous(_))
}

/// Of the usable any, by the draw.
#[derive(Debug)]
struct ByDraw;

impl custom::Strategy for ByDraw {
    fn pick(&self, candidates: &custom::Candidates<'_>) -> Option<usize> {
        let usable: Vec<_> = candidates.iter().filter(custom::Candidate::is_usable).collect();
        let bound = u32::try_from(usable.len()).expect("they are few");
        let place = rng::below((candidates.draw() >> 32) as u32, bound);
        usable.get(place as usize).map(custom::Candidate::index)
    }
}

/// Answers what there is not, what is not usable, nothing, and with a panic.
#[derive(Debug)]
struct Wrong;

impl custom::Strategy for Wrong {
    fn pick(&self, candidates: &custom::Candidates<'_>) -> Option<usize> {
        match candidates.turn() % 4 {
            0 => Some(candidates.len() + 7),
            1 => candidates.iter().find(|one| !one.is_usable()).map(|one| one.index()),
            2 => None,
            // Without the hook, whose report would only fill the test's output.
            _ => std::panic::resume_unwind(Box::new("on demand")),
        }
    }
}

pub(super) fn members(weights: &[u32]) -> Vec<Member> {
    weights.iter().enumerate().map(|(index, &weight)| Member::new(&address(index), weight)).collect()
}

pub(super) fn address(index: usize) -> String {
    format!("e{index}")
}

fn picks(strategy: &Strategy, members: &[Member], count: u32) -> Vec<Option<usize>> {
    picks_of(strategy, candidates(members, Scrutiny::Health), count)
}

fn candidates(members: &[Member], scrutiny: Scrutiny) -> Candidates<'_> {
    Candidates::new(members, scrutiny, decay_rate(Duration::from_secs(10)), Time::ZERO)
}

#[test]
fn where_all_are_healthy_not_asking_says_the_same() {
    let (weights, few) = ([1, 2, 3, 4, 5], [0, 2, 3]);
    for places in [None, Some(&few[..])] {
        // Those that draw from a state of their own, too: each asking has strategies of its own.
        for (asked, unasked) in strategies(&weights).into_iter().zip(strategies(&weights)) {
            let members = members(&weights);
            let picks =
                |strategy, scrutiny| picks_of(strategy, candidates(&members, scrutiny).among(places), 500);
            assert_eq!(picks(&asked, Scrutiny::Health), picks(&unasked, Scrutiny::Nothing), "{asked:?}");
        }
    }
}

pub(super) fn picks_of(strategy: &Strategy, candidates: Candidates<'_>, count: u32) -> Vec<Option<usize>> {
    let pick = |number: u32| {
        let (draw, key) = (rng::draw(3, u64::from(number)), format!("key-{number}"));
        // Every third request has no key.
        let key = (!number.is_multiple_of(3)).then_some(key.as_bytes());
        let picked = strategy.pick(&candidates, &Turn { number, draw, saturated: number % 2 == 1, key });
        answer_probes(strategy, &candidates);
        picked
    };
    (0..count).map(pick).collect()
}

/// What a strategy asks, it is told: everybody is equally idle.
fn answer_probes(strategy: &Strategy, candidates: &Candidates<'_>) {
    let Strategy::Prequal(prequal) = strategy else { return };
    while let Some(probe) = prequal.poll_probe(candidates) {
        probe.handle_answer(&ProbeReport::new(0).with_latency(Duration::from_millis(1)), Time::ZERO);
    }
}

pub(super) fn eject(member: &Member) {
    let second = Duration::from_secs(1);
    let rules = OutlierRules { base: second, longest: second, ..TEST_RULES };
    member.endpoint().outlier().leave_out(crate::health::Manner::Ejected, &rules, 0, Time::ZERO);
}

#[test]
fn an_empty_pool_has_no_pick() {
    for strategy in strategies(&[]) {
        assert_eq!(picks(&strategy, &[], 3), [None; 3], "{strategy:?}");
    }
}

#[test]
fn one_of_one_is_picked() {
    for strategy in strategies(&[7]) {
        assert_eq!(picks(&strategy, &members(&[7]), 3), [Some(0); 3], "{strategy:?}");
    }
}

#[test]
fn everyone_usable_is_picked_and_nobody_else() {
    for count in [2_u32, 3, 10, 100] {
        let weights = vec![1; count as usize];
        for strategy in strategies(&weights) {
            let members = members(&weights);
            (0..count as usize).step_by(2).for_each(|index| eject(&members[index]));
            let mut seen = vec![false; count as usize];
            for pick in picks(&strategy, &members, count * 200) {
                seen[pick.expect("half are usable")] = true;
            }
            let usable: Vec<bool> = (0..count).map(|index| index % 2 == 1).collect();
            assert_eq!(seen, usable, "{strategy:?}");
        }
    }
}

#[test]
fn when_all_are_ejected_there_is_no_pick() {
    for strategy in strategies(&[1, 1, 1]) {
        let members = members(&[1, 1, 1]);
        members.iter().for_each(eject);
        assert_eq!(picks(&strategy, &members, 2), [None; 2], "{strategy:?}");
    }
}

#[test]
fn equal_endpoints_get_equal_shares() {
    for strategy in strategies(&[2; 5]) {
        let members = members(&[2; 5]);
        let mut counts = [0_u32; 5];
        for pick in picks(&strategy, &members, 50_000) {
            counts[pick.expect("all are usable")] += 1;
        }
        let near = if stands_at_points(&strategy) { 8_000..=12_000 } else { 9_500..=10_500 };
        assert!(counts.iter().all(|count| near.contains(count)), "{strategy:?}: {counts:?}");
    }
}

#[test]
fn weights_are_honoured_by_the_share_of_points() {
    let weights = [1, 2, 3, 4, 10];
    let members = members(&weights);
    for strategy in strategies(&weights).iter().filter(|strategy| stands_at_points(strategy)) {
        let mut counts = [0_u32; 5];
        picks(strategy, &members, 100_000).into_iter().for_each(|pick| counts[pick.unwrap()] += 1);
        let close = |(&count, weight): (&u32, u32)| count.abs_diff(weight * 5_000) <= weight * 5_000 / 4;
        assert!(counts.iter().zip(weights).all(close), "{counts:?}");
    }
}

#[test]
fn ten_thousand_endpoints_are_all_reached() {
    let weights = vec![1; 10_000];
    let members = members(&weights);
    for strategy in strategies(&weights) {
        // Those that look at everyone for each pick: a few picks, no two alike.
        if matches!(strategy, Strategy::LeastLoaded(_) | Strategy::Custom(_) | Strategy::Rendezvous(_)) {
            let picks: HashSet<_> = picks(&strategy, &members, 20).into_iter().flatten().collect();
            assert!(picks.len() >= 19, "{picks:?}");
            continue;
        }
        let mut seen = vec![false; 10_000];
        for pick in picks(&strategy, &members, 200_000) {
            seen[pick.expect("all are usable")] = true;
        }
        assert!(seen.iter().all(|&seen| seen), "{strategy:?}");
    }
}

#[test]
fn one_usable_of_ten_thousand_is_found() {
    let weights = vec![1; 10_000];
    let members = members(&weights);
    members.iter().enumerate().filter(|(index, _)| *index != 7_777).for_each(|(_, member)| eject(member));
    for strategy in strategies(&weights) {
        assert_eq!(picks(&strategy, &members, 8), [Some(7_777); 8], "{strategy:?}");
    }
}

#[test]
fn weights_are_honoured() {
    let cases: [&[u32]; 6] =
        [&[1, 2, 3, 4, 10], &[1, 1_000], &[u32::MAX, 1, u32::MAX], &[7, 7, 7], &[5, 1, 1, 1, 1, 1, 1], &[3]];
    for weights in cases {
        let members = members(weights);
        let sum: f64 = weights.iter().copied().map(f64::from).sum();
        for strategy in strategies(weights).iter().filter(|strategy| goes_by_weight(strategy)) {
            let mut counts = vec![0_u32; weights.len()];
            for pick in picks(strategy, &members, 100_000) {
                counts[pick.unwrap()] += 1;
            }
            for (&count, &weight) in counts.iter().zip(weights) {
                let due = f64::from(weight) / sum * 100_000.0;
                // Five standard deviations of a draw, and a pick or two.
                assert!((f64::from(count) - due).abs() <= 5.0 * due.sqrt() + 3.0, "{strategy:?}: {counts:?}");
            }
        }
    }
}

#[test]
fn what_the_unusable_would_have_had_goes_to_the_others_by_weight() {
    let weights = [4, 100, 2, 1, 1];
    let members = members(&weights);
    eject(&members[1]);
    for strategy in strategies(&weights).iter().filter(|strategy| goes_by_weight(strategy)) {
        let mut counts = [0_i32; 5];
        picks(strategy, &members, 80_000).into_iter().for_each(|pick| counts[pick.unwrap()] += 1);
        let due = [40_000, 0, 20_000, 10_000, 10_000];
        let close = counts.iter().zip(due).all(|(count, due): (&i32, i32)| (count - due).abs() <= due / 20);
        assert!(close, "{strategy:?}: {counts:?}");
    }
}

#[test]
fn in_flight_over_weight_evens_out_under_every_load() {
    let weights = [1, 2, 5];
    for strategy in strategies(&weights) {
        if !matches!(strategy, Strategy::P2c(_) | Strategy::LeastLoaded(_)) {
            continue;
        }
        let members = members(&weights);
        let candidates =
            Candidates::new(&members, Scrutiny::Health, decay_rate(Duration::from_secs(10)), Time::ZERO);
        let mut held = vec![];
        for number in 0..800 {
            let turn = Turn { number, draw: rng::draw(3, u64::from(number)), saturated: false, key: None };
            held.push(members[strategy.pick(&candidates, &turn).unwrap()].enter());
        }
        let loads: Vec<u32> = members.iter().map(Member::in_flight).collect();
        let close =
            loads.iter().zip([100, 200, 500]).all(|(load, due): (&u32, u32)| load.abs_diff(due) <= 15);
        assert!(close, "{strategy:?}: {loads:?}");
    }
}

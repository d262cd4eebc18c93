//! What every strategy must hold, whatever it optimises.

use std::time::Duration;

use super::{Candidates, P2c, RoundRobin, Strategy, Turn};
use crate::{endpoint::Member, ewma::decay_rate, health::OutlierRules, rng, time::Time};

fn strategies(weights: &[u32]) -> Vec<Strategy> {
    vec![Strategy::P2c(P2c), Strategy::RoundRobin(RoundRobin::new(weights))]
}

fn members(weights: &[u32]) -> Vec<Member> {
    weights.iter().enumerate().map(|(index, &weight)| Member::new(&format!("e{index}"), weight)).collect()
}

fn picks(strategy: &Strategy, members: &[Member], count: u32) -> Vec<Option<usize>> {
    let candidates = Candidates::new(members, true, decay_rate(Duration::from_secs(10)), Time::ZERO);
    let turn = |number| Turn { number, draw: rng::draw(3, u64::from(number)), saturated: number % 2 == 1 };
    (0..count).map(|number| strategy.pick(&candidates, &turn(number))).collect()
}

fn eject(member: &Member) {
    let rules = OutlierRules {
        consecutive_failures: 1,
        base: Duration::from_secs(1),
        longest: Duration::from_secs(1),
    };
    member.endpoint().outlier().eject(&rules, 0, Time::ZERO);
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
        assert!(counts.iter().all(|count| (9_500..=10_500).contains(count)), "{strategy:?}: {counts:?}");
    }
}

#[test]
fn ten_thousand_endpoints_are_all_reached() {
    let weights = vec![1; 10_000];
    for strategy in strategies(&weights) {
        let members = members(&weights);
        let mut seen = vec![false; 10_000];
        for pick in picks(&strategy, &members, 200_000) {
            seen[pick.expect("all are usable")] = true;
        }
        assert!(seen.iter().all(|&seen| seen), "{strategy:?}");
    }
}

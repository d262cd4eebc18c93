//! Violations that are planted: the checks are told other terms than the balancer, and each must notice.

use std::path::Path;

use tenantry::{Amount, Rate};

use super::*;
use crate::document::Document;

/// The rules that a run of this scenario is found to break, when the checks are told something else.
fn broken_rules(scenario: &str, plant: impl FnOnce(&mut Edition, &Plan)) -> Vec<&'static str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let document = Document::read(&folder.join(scenario).with_extension("toml")).expect("a usable scenario");
    let mut plan = document.plans[0].1.clone();
    plan.scenario.measure = Span::millis(3_000);
    plan.scenario.windows.clear();
    let mut edition = plan.editions[0].clone();
    plant(&mut edition, &plan);
    plan.editions[0] = edition;
    let run = Engine::new(&plan, 1).run();
    assert!(run.requests > 100, "{scenario}: {} requests", run.requests);
    run.breaches.iter().map(|breach| breach.violation.rule).collect()
}

fn tenant(plan: &Plan, name: &str) -> usize {
    plan.tenants.iter().position(|known| known == name).expect("it asks in this scenario")
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for scenario in ["limits", "tree_shares", "push_out"] {
        assert_eq!(broken_rules(scenario, |_, _| ()), [""; 0], "{scenario}");
    }
}

#[test]
fn fewer_seats_than_the_pool_has_are_noticed() {
    assert!(broken_rules("limits", |edition, _| edition.pools[0].capacity = Some(4)).contains(&"seats"));
}

#[test]
fn another_weight_is_noticed_for_a_tenant_and_for_a_group() {
    for name in ["gold_a", "gold (group)"] {
        let plant = |edition: &mut Edition, _: &Plan| {
            let node = edition.tree.nodes().iter().position(|node| node.name == name).expect("it is there");
            edition.tree.set_weight(node, 9.0);
        };
        assert!(broken_rules("tree_shares", plant).contains(&"fair share"), "{name}");
    }
}

#[test]
fn seats_that_stay_free_beside_waiters_are_noticed() {
    // The team's bound keeps seats free: to checks that know of no bounds, that wastes them.
    assert!(
        broken_rules("limits", |edition, _| edition.pools[0].guarded = false).contains(&"work conservation")
    );
}

#[test]
fn another_rate_is_noticed_both_ways() {
    let rate = |per_second| {
        move |edition: &mut Edition, plan: &Plan| {
            edition
                .tree
                .set_rates(tenant(plan, "metered"), vec![Rate::per_second(per_second).with_burst(10)]);
        }
    };
    assert!(broken_rules("limits", rate(50)).contains(&"rate"));
    assert!(broken_rules("limits", rate(110)).contains(&"retry after"));
    let above = |edition: &mut Edition, _: &Plan| {
        let org = edition.tree.nodes().iter().position(|node| node.name == "org (group)");
        edition.tree.set_rates(org.expect("it is there"), vec![Rate::per_second(50).with_burst(10)]);
    };
    assert!(broken_rules("limits", above).contains(&"rate"));
}

#[test]
fn more_inside_or_more_seats_than_allowed_are_noticed() {
    let inside =
        |edition: &mut Edition, plan: &Plan| edition.tree.set_max_in_flight(tenant(plan, "capped"), 2);
    assert!(broken_rules("limits", inside).contains(&"limits"));
    let beneath = |edition: &mut Edition, _: &Plan| {
        let org = edition.tree.nodes().iter().position(|node| node.name == "org (group)");
        edition.tree.set_max_in_flight(org.expect("it is there"), 2);
    };
    assert!(broken_rules("limits", beneath).contains(&"limits"));
    let seats = |edition: &mut Edition, _: &Plan| {
        let team = edition.tree.nodes().iter().position(|node| node.name == "team (group)");
        edition.tree.set_max_seats(team.expect("it is there"), Amount::Seats(2));
    };
    assert!(broken_rules("limits", seats).contains(&"limits"));
}

#[test]
fn a_seat_of_a_forbidden_pool_and_an_endpoint_of_nobody_are_noticed() {
    let forbidden =
        |edition: &mut Edition, plan: &Plan| edition.tenants[tenant(plan, "metered")].pools[0] = false;
    assert!(broken_rules("limits", forbidden).contains(&"isolation"));
    assert!(broken_rules("limits", |edition, _| edition.pools[0].listed[1] = false).contains(&"isolation"));
}

#[test]
fn turning_away_who_has_little_waiting_for_its_weight_is_noticed() {
    // To checks that take an aggressor for a thousand times as heavy as it is, it has next to nothing waiting.
    let plant = |edition: &mut Edition, _: &Plan| {
        let node = edition.tree.nodes().iter().position(|node| node.name == "a1").expect("it is there");
        edition.tree.set_weight(node, 1_000.0);
    };
    assert!(broken_rules("push_out", plant).contains(&"isolation"));
}

#[test]
fn a_longer_queue_and_more_tenants_than_allowed_are_noticed() {
    assert!(broken_rules("push_out", |edition, _| edition.pools[0].total = 20).contains(&"bounds"));
    assert!(broken_rules("push_out", |edition, _| edition.pools[0].per_tenant = 5).contains(&"bounds"));
    assert!(broken_rules("limits", |edition, _| edition.most_tenants = 20).contains(&"bounds"));
}

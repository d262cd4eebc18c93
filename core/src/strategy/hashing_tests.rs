//! What every strategy by keys must hold besides the contract.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{prelude::*, strategy::Strategy as _};

use super::{
    Base, Built, Candidates, Ketama, LoadBound, Maglev, Ring, Strategy, Turn,
    circle::{Before, Circle, Stand},
};
use crate::{
    config::{KetamaSpec, MaglevSpec, RendezvousSpec, RingSpec, StrategySpec},
    endpoint::Member,
    health::{OutlierRules, TEST_RULES},
    time::Time,
};

/// Those of which removing an endpoint moves nobody else's keys.
fn exact() -> [StrategySpec; 3] {
    [KetamaSpec::new().into(), RingSpec::new().into(), RendezvousSpec::new().into()]
}

fn all() -> impl Iterator<Item = StrategySpec> {
    let others = [MaglevSpec::new().into(), RingSpec::new().with_min_size(1_024).into()];
    exact().into_iter().chain(others)
}

fn list(endpoints: &[(&str, u32)]) -> Vec<Member> {
    endpoints.iter().map(|&(address, weight)| Member::new(address, weight)).collect()
}

fn numbered(numbers: impl IntoIterator<Item = u32>) -> Vec<(String, u32)> {
    numbers
        .into_iter()
        .map(|number| (format!("http://10.0.{}.{}:80", number / 250, number % 250), 1))
        .collect()
}

fn of(endpoints: &[(String, u32)]) -> Vec<Member> {
    endpoints.iter().map(|(address, weight)| Member::new(address, *weight)).collect()
}

fn candidates(members: &[Member]) -> Candidates<'_> {
    Candidates::new(members, crate::health::Scrutiny::Health, 0.0, Time::ZERO)
}

fn keyed(key: &[u8]) -> Turn<'_> {
    Turn { number: 0, draw: 0, saturated: false, key: Some(key) }
}

/// Key → address.
fn map<'a>(spec: &StrategySpec, members: &'a [Member], keys: u32) -> BTreeMap<u32, &'a str> {
    let strategy = Strategy::build(
        spec,
        members,
        Base { seed: 0, bell: &Arc::default(), events: &Arc::default() },
        None,
    );
    picks(&strategy, members, keys)
}

fn picks<'a>(strategy: &Strategy, members: &'a [Member], keys: u32) -> BTreeMap<u32, &'a str> {
    let candidates = candidates(members);
    let pick = |key: u32| {
        let text = format!("key-{key}");
        let index = strategy.pick(&candidates, &keyed(text.as_bytes())).expect("all are usable");
        (key, members[index].endpoint().address())
    };
    (0..keys).map(pick).collect()
}

fn eject(member: &Member) {
    let second = std::time::Duration::from_secs(1);
    let rules = OutlierRules { base: second, longest: second, ..TEST_RULES };
    member.endpoint().outlier().leave_out(crate::health::Manner::Ejected, &rules, 0, Time::ZERO);
}

#[test]
fn removing_one_endpoint_moves_only_its_keys() {
    let all = numbered(0..20);
    let without: Vec<_> = all.iter().filter(|(address, _)| !address.ends_with(".7:80")).cloned().collect();
    let (before, after) = (of(&all), of(&without));
    for spec in exact() {
        let (before, after) = (map(&spec, &before, 20_000), map(&spec, &after, 20_000));
        let moved = before.iter().filter(|&(key, address)| after[key] != *address);
        assert!(moved.clone().all(|(_, address)| address.ends_with(".7:80")), "{spec:?}");
        assert!((600..1_500).contains(&moved.count()), "about a twentieth of all, {spec:?}");
    }
}

#[test]
fn maglev_moves_at_most_one_percent_more() {
    for (endpoints, size) in [(5, 65_537), (20, 65_537), (100, 65_537), (1_000, 65_537)] {
        let spec = MaglevSpec::new().with_size(size).into();
        let all = numbered(0..endpoints);
        let without = [&all[..2], &all[3..]].concat();
        let (before, after) = (of(&all), of(&without));
        let (before, after) = (map(&spec, &before, 50_000), map(&spec, &after, 50_000));
        let gone = all[2].0.as_str();
        let others = before.iter().filter(|&(key, address)| *address != gone && after[key] != *address);
        let extra = others.count();
        assert!(extra <= 500, "{endpoints} endpoints: {extra} of 50 000 keys moved that need not have");
    }
}

#[test]
fn an_envoy_ring_of_a_least_size_moves_keys_only_to_points_that_it_adds() {
    // Points per endpoint are the same before and after: nothing else moves.
    let all = numbered(0..64);
    let without = [&all[..9], &all[10..]].concat();
    let (before, after) = (of(&all), of(&without));
    let same = |size: u32| RingSpec::new().with_min_size(size).into();
    let (before, after) = (map(&same(64 * 16), &before, 20_000), map(&same(63 * 16), &after, 20_000));
    let gone = all[9].0.as_str();
    assert!(before.iter().all(|(key, address)| *address == gone || after[key] == *address));
}

#[test]
fn the_order_of_the_list_does_not_matter() {
    let weighted = [("a:1", 1), ("b:1", 2), ("[::1]:8080", 5), ("c:1", 3), ("http://d:1/x", 1)];
    let mut other = weighted;
    other.reverse();
    for spec in exact().into_iter().chain([MaglevSpec::new().into()]) {
        assert_eq!(map(&spec, &list(&weighted), 5_000), map(&spec, &list(&other), 5_000), "{spec:?}");
    }
}

#[test]
fn scheme_and_path_do_not_count() {
    let (plain, urls) =
        ([("a:1", 1), ("b:1", 1), ("c:1", 1)], [("http://a:1", 1), ("https://b:1/x", 1), ("http://c:1/", 1)]);
    for spec in all() {
        let (plain, urls) = (list(&plain), list(&urls));
        let (plain, urls) = (map(&spec, &plain, 500), map(&spec, &urls, 500));
        assert!(plain.iter().all(|(key, address)| urls[key].contains(address)), "{spec:?}");
    }
}

#[test]
fn a_downed_endpoint_moves_only_its_keys_and_gives_them_to_all_others() {
    for spec in all() {
        let endpoints = numbered(0..10);
        let members = of(&endpoints);
        let before = map(&spec, &members, 10_000);
        eject(&members[3]);
        let after = map(&spec, &members, 10_000);
        let down = endpoints[3].0.as_str();
        let moved: Vec<_> = before.iter().filter(|&(key, address)| after[key] != *address).collect();
        assert!(moved.iter().all(|(_, address)| **address == down), "{spec:?}");
        assert!(after.values().all(|address| *address != down), "{spec:?}");
        let takers: std::collections::BTreeSet<_> = moved.iter().map(|(key, _)| after[key]).collect();
        assert_eq!(takers.len(), 9, "{spec:?}");
    }
}

#[test]
fn a_ketama_key_whose_endpoint_is_down_goes_where_it_goes_without_it() {
    let endpoints = numbered(0..10);
    let (all, without) = (of(&endpoints), of(&[&endpoints[..3], &endpoints[4..]].concat()));
    eject(&all[3]);
    for spec in exact() {
        assert_eq!(map(&spec, &all, 10_000), map(&spec, &without, 10_000), "{spec:?}");
    }
}

#[test]
fn an_empty_key_is_none() {
    let members = of(&numbered(0..5));
    for spec in all() {
        let strategy = Strategy::build(
            &spec,
            &members,
            Base { seed: 0, bell: &Arc::default(), events: &Arc::default() },
            None,
        );
        let by = |draw: u64, key| strategy.pick(&candidates(&members), &Turn { draw, key, ..keyed(b"") });
        let draws = || (0..1_000).map(|turn| crate::rng::draw(1, turn));
        assert!(draws().all(|draw| by(draw, None) == by(draw, Some(b""))), "{spec:?}");
        let seen: std::collections::BTreeSet<_> = draws().map(|draw| by(draw, None)).collect();
        assert_eq!(seen.len(), 5, "{spec:?}");
    }
}

#[test]
fn balance_is_as_measured_for_others() {
    let text = include_str!("../../../vectors/published-math.json");
    let vectors: serde_json::Value = serde_json::from_str(text).expect("the vectors are JSON");
    let rows = vectors["hash_balance_measured_here"]["rows"].as_array().expect("a list of rows");
    let mut compared = 0;
    for row in rows {
        let spec: StrategySpec = match row[1].as_str().expect("a scheme") {
            "nginx ketama 160" => KetamaSpec::new().into(),
            "ring total 1024" => RingSpec::new().with_min_size(1_024).into(),
            "maglev 65537" => MaglevSpec::new().into(),
            "maglev 2039" => MaglevSpec::new().with_size(2_039).into(),
            _ => RendezvousSpec::new().into(),
        };
        let count = u32::try_from(row[0].as_u64().expect("a number")).expect("it is small");
        let members = of(&numbered(0..count));
        let mut shares: BTreeMap<&str, u32> = BTreeMap::new();
        map(&spec, &members, 100_000).values().for_each(|address| *shares.entry(address).or_default() += 1);
        let most = f64::from(*shares.values().max().expect("there are some")) * f64::from(count) / 100_000.0;
        let published = row[2].as_f64().expect("a number");
        // Of the distance from 1 half as much again is other addresses' luck.
        assert!(most - 1.0 <= (published - 1.0) * 1.5 + 0.01, "{row}: {most}");
        compared += 1;
    }
    assert_eq!(compared, 12);
}

#[test]
fn an_update_without_changes_shares_what_is_laid_out() {
    let members = of(&numbered(0..10));
    for (spec, other) in [
        (StrategySpec::from(KetamaSpec::new()), StrategySpec::from(KetamaSpec::new().with_bounded(2.0))),
        (RingSpec::new().into(), RingSpec::new().with_bounded(2.0).into()),
        (MaglevSpec::new().into(), MaglevSpec::new().with_bounded(2.0).into()),
        (RendezvousSpec::new().into(), RendezvousSpec::new().with_bounded(2.0).into()),
    ] {
        let strategy = Strategy::build(
            &spec,
            &members,
            Base { seed: 0, bell: &Arc::default(), events: &Arc::default() },
            None,
        );
        let again = Strategy::build(
            &other,
            &members,
            Base { seed: 0, bell: &Arc::default(), events: &Arc::default() },
            Some(Built { spec: &spec, strategy: &strategy, members: &members }),
        );
        let shared = match (&strategy, &again) {
            (Strategy::Ketama(one), Strategy::Ketama(other)) => Arc::ptr_eq(one, other),
            (Strategy::Ring(one), Strategy::Ring(other)) => Arc::ptr_eq(one, other),
            (Strategy::Maglev(one), Strategy::Maglev(other)) => Arc::ptr_eq(one, other),
            (Strategy::Rendezvous(one), Strategy::Rendezvous(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        assert!(shared, "{spec:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was there before: a circle that an update makes is the one that is built anew.
    #[test]
    fn an_updated_circle_is_the_one_built_anew(
        before in prop::collection::vec((0_u32..40, 1_u32..4), 0..30),
        after in prop::collection::vec((0_u32..40, 1_u32..4), 0..30),
    ) {
        let unique = |list: Vec<(u32, u32)>| -> Vec<(String, u32)> {
            let mut seen = std::collections::BTreeSet::new();
            let list = list.into_iter().filter(|(number, _)| seen.insert(*number));
            list.map(|(number, weight)| (format!("http://10.0.0.{number}:80"), weight)).collect()
        };
        let (before, after) = (unique(before), unique(after));
        let split = |list: &[(String, u32)]| -> (Vec<String>, Vec<u32>) { list.iter().cloned().unzip() };
        let ((old, old_weights), (new, new_weights)) = (split(&before), split(&after));
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();

        let first = Ketama::new(&old, &old_weights, None);
        let updated = Ketama::new(&new, &new_weights, Some((&first, &old)));
        prop_assert_eq!(&updated, &Ketama::new(&new, &new_weights, None));

        for spec in [RingSpec::new(), RingSpec::new().with_min_size(97), RingSpec::new().with_max_size(50)] {
            let first = Ring::new(spec, &old, &old_weights, None);
            let updated = Ring::new(spec, &new, &new_weights, Some((&first, &old)));
            prop_assert_eq!(&updated, &Ring::new(spec, &new, &new_weights, None));
        }
    }

    /// Also where many points coincide, and where places are crowded.
    #[test]
    fn a_circle_finds_what_a_search_finds(
        owners in prop::collection::vec(prop::collection::vec((0_u32..6).prop_map(|n| n * 0x3333_3333), 0..8), 1..12),
        crowd in any::<bool>(),
        place in any::<u32>(),
    ) {
        let squeeze = |place: u32| if crowd { place & 0xff } else { place };
        let addresses: Vec<String> = (0..owners.len()).map(|number| format!("e{number:02}")).collect();
        let stands: Vec<Stand<'_>> = addresses
            .iter()
            .zip(&owners)
            .map(|(address, places)| Stand { address, count: u32::try_from(places.len()).unwrap_or_default() })
            .collect();
        let places = |stand: &Stand<'_>, out: &mut dyn FnMut(u32)| {
            let owner = addresses.iter().position(|address| address == stand.address).unwrap_or_default();
            owners[owner].iter().for_each(|&place| out(squeeze(place)));
        };
        let circle = Circle::build(&stands, None::<Before<'_, u32>>, places);
        let mut points: Vec<(u32, usize)> =
            owners.iter().enumerate().flat_map(|(owner, list)| list.iter().map(move |&place| (squeeze(place), owner))).collect();
        points.sort_unstable();
        prop_assert_eq!(circle.points().collect::<Vec<_>>(), points.clone());
        for place in [squeeze(place), 0, u32::MAX].into_iter().chain(points.iter().map(|point| point.0)) {
            if let Some(&(_, owner)) = points.iter().find(|point| point.0 >= place).or_else(|| points.first()) {
                prop_assert_eq!(circle.owner(place), owner);
            }
        }
    }

    /// Nobody is let in above its bound, under one thread, whoever comes and goes.
    #[test]
    fn a_bound_on_the_load_is_never_exceeded(
        weights in prop::collection::vec(1_u32..6, 1..9),
        factor in prop::sample::select(vec![1_000_000_u32, 1_100_000, 1_250_000, 2_000_000]),
        steps in prop::collection::vec((any::<u8>(), any::<bool>()), 1..300),
        kind in 0_usize..5,
    ) {
        let endpoints: Vec<(String, u32)> = weights.iter().enumerate().map(|(number, &weight)| (format!("e{number}:1"), weight)).collect();
        let members = of(&endpoints);
        let spec = all().nth(kind).expect("there are five");
        let strategy = Strategy::build(&spec, &members, Base { seed: 0, bell: &Arc::default(), events: &Arc::default() }, None);
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        let mut held = vec![];
        for (key, leaves) in steps {
            if leaves && !held.is_empty() {
                held.swap_remove(usize::from(key) % held.len());
                continue;
            }
            // A few hot keys.
            let key = [key % 4];
            let in_flight = u32::try_from(held.len()).expect("they are few") + 1;
            let bound = LoadBound::new(factor, in_flight, total);
            let candidates = candidates(&members).within(Some(bound));
            let index = strategy.pick(&candidates, &keyed(&key)).expect("there is always room");
            let within = |counted| bound.admits(counted, members[index].weight());
            held.push(members[index].try_enter_within(within, 1, Time::ZERO).expect("it has room"));
            let most = (u64::from(factor) * u64::from(in_flight) * u64::from(weights[index])).div_ceil(1_000_000 * total);
            prop_assert!(u64::from(members[index].counted()) <= most, "{} of {most}", members[index].counted());
        }
    }
}

#[test]
fn huge_maglev_weights_leave_nobody_out() {
    let maglev = Maglev::new(65_537, &["a:1", "b:1", "c:1"], &[u32::MAX, 1, u32::MAX]);
    let members = list(&[("a:1", u32::MAX), ("b:1", 1), ("c:1", u32::MAX)]);
    eject(&members[0]);
    eject(&members[2]);
    let pick = maglev.pick(&candidates(&members), &keyed(b"any"));
    assert_eq!(pick, Some(1));
}

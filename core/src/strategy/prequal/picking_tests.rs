use super::*;
use crate::{endpoint::Member, ewma::decay_rate, outcome::Outcome};

const TAU: Duration = Duration::from_secs(10);

fn members(weights: &[u32]) -> Vec<Member> {
    weights.iter().enumerate().map(|(index, &weight)| Member::new(&format!("e{index}"), weight)).collect()
}

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn shown(members: &[Member], now: Time) -> Candidates<'_> {
    Candidates::new(members, crate::health::Scrutiny::Health, decay_rate(TAU), now)
}

fn turn(number: u32) -> Turn<'static> {
    Turn { number, draw: rng::draw(3, u64::from(number)), saturated: false, key: None }
}

/// Takes every probe that is due and answers it by the endpoint's number.
fn answer_all(
    prequal: &Prequal,
    members: &[Member],
    now: Time,
    report: impl Fn(usize) -> ProbeReport,
) -> usize {
    let mut count = 0;
    while let Some(probe) = prequal.poll_probe(&shown(members, now)) {
        let index: usize = probe.address()[1..].parse().expect("a number");
        probe.handle_answer(&report(index), now);
        count += 1;
    }
    count
}

fn report(rif: u32, millis: u64) -> ProbeReport {
    ProbeReport::new(rif).with_latency(Duration::from_millis(millis))
}

#[test]
fn without_answers_it_is_power_of_two_choices_and_nothing_grows() {
    let (prequal, members) = (Prequal::new(&PrequalSpec::new(), 3, 1, &Arc::default()), members(&[1, 1, 1]));
    let _busy = [members[0].enter(), members[1].enter()];
    for number in 0..10_000 {
        let candidates = shown(&members, at(u64::from(number)));
        assert_eq!(
            prequal.pick(&candidates, &turn(number)),
            P2c::new(2, LoadKind::PeakEwma).pick(&candidates, &turn(number))
        );
    }
    let due = std::iter::from_fn(|| prequal.poll_probe(&shown(&members, at(0)))).count();
    assert!(due <= 16, "{due} probes were owed to 10 000 requests that nobody probed for");
}

#[test]
fn requests_go_where_the_answers_say_until_they_are_too_old() {
    let spec = PrequalSpec::new().with_remove_per_request(0.0);
    let (prequal, members) = (Prequal::new(&spec, 4, 1, &Arc::default()), members(&[1; 4]));
    for number in 0..4 {
        prequal.pick(&shown(&members, at(0)), &turn(number));
        assert!(answer_all(&prequal, &members, at(0), |index| report(0, [40, 10, 30, 20][index])) >= 3);
    }
    let picked = |now| prequal.pick(&shown(&members, at(now)), &turn(9));
    assert_eq!(picked(10), Some(1), "all are cold, and it is the fastest");
    // Sent there: above the threshold, which is 0, it is hot.
    assert_eq!(picked(10), Some(3));
    let candidates = shown(&members, at(1_001));
    assert_eq!(
        prequal.pick(&candidates, &turn(9)),
        P2c::new(2, LoadKind::PeakEwma).pick(&candidates, &turn(9)),
        "too old"
    );
}

#[test]
fn one_that_failed_just_now_answers_in_vain() {
    let (prequal, members) = (Prequal::new(&PrequalSpec::new(), 3, 1, &Arc::default()), members(&[1; 3]));
    members[0].endpoint().learn(&Outcome::failure(), None, decay_rate(TAU), at(0));
    let mut counts = [0; 2];
    for number in 0..2_000 {
        let now = at(u64::from(number));
        answer_all(&prequal, &members, now, |index| report(0, if index == 0 { 1 } else { 50 }));
        let picked = prequal.pick(&shown(&members, now), &turn(number)).expect("all are usable");
        counts[usize::from(number >= 1_000)] += u32::from(picked == 0);
    }
    assert!(counts[0] < 20, "for a second it gets what falls to the fallback: {counts:?}");
    assert!(counts[1] > 300, "then it is tried again: {counts:?}");
}

#[test]
fn loads_and_latencies_count_over_the_weight() {
    let spec = PrequalSpec::new().with_quantile(0.5);
    let (prequal, members) = (Prequal::new(&spec, 2, 1, &Arc::default()), members(&[3, 1]));
    let mut counts = [0_u32; 2];
    let mut shares = |rif: [u32; 2]| {
        counts = [0; 2];
        for number in 0..1_000 {
            prequal.pick(&shown(&members, at(0)), &turn(number));
            answer_all(&prequal, &members, at(0), |index| report(rif[index], 20));
            counts[prequal.pick(&shown(&members, at(0)), &turn(number)).expect("usable")] += 1;
        }
        counts
    };
    assert!(shares([6, 2])[0] > 700, "as loaded for its weight, and faster for it");
    assert!(shares([9, 2])[1] > 900, "hot for all its weight");
}

#[test]
fn an_answer_serves_one_or_two_requests_as_the_formula_says_on_average() {
    let prequal = Prequal::new(&PrequalSpec::new(), 100, 1, &Arc::default());
    let uses: Vec<u32> = (0..100_000).map(|count| prequal.probing.uses(count)).collect();
    assert!(uses.iter().all(|uses| (1..=2).contains(uses)));
    let mean = f64::from(uses.iter().sum::<u32>()) / 1e5;
    assert!((mean - 1.316).abs() < 0.005, "{mean}");
}

#[test]
fn a_pick_does_not_wait_for_an_answer_that_is_coming_in() {
    let (prequal, members) = (Prequal::new(&PrequalSpec::new(), 3, 1, &Arc::default()), members(&[1; 3]));
    let coming_in = prequal.probing.known.lock();
    assert!(prequal.pick(&shown(&members, at(0)), &turn(0)).is_some());
    drop(coming_in);
}

#[test]
fn a_dropped_probe_makes_room_for_the_next() {
    let (prequal, members) = (Prequal::new(&PrequalSpec::new(), 3, 1, &Arc::default()), members(&[1; 3]));
    for number in 0..1_000 {
        prequal.pick(&shown(&members, at(0)), &turn(number));
        assert_eq!(std::iter::from_fn(|| prequal.poll_probe(&shown(&members, at(0)))).count(), 3);
    }
}

#[test]
fn the_same_seed_and_the_same_answers_give_the_same_picks() {
    let picks = |seed| -> Vec<Option<usize>> {
        let (prequal, members) =
            (Prequal::new(&PrequalSpec::new(), 50, seed, &Arc::default()), members(&[1; 50]));
        let pick = |number: u32| {
            let now = at(u64::from(number));
            let picked = prequal.pick(&shown(&members, now), &turn(number));
            answer_all(&prequal, &members, now, |index| report(number % 7, (index as u64 * 37) % 50));
            picked
        };
        (0..500).map(pick).collect()
    };
    assert_eq!(picks(1), picks(1));
    assert_ne!(picks(1), picks(2));
}

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::rng;

const SECOND: Duration = Duration::from_secs(1);
const RULES: CheckRules = CheckRules {
    every: Duration::from_secs(5),
    every_in_doubt: SECOND,
    every_unhealthy: Duration::from_secs(5),
    every_idle: Duration::from_secs(5),
    jitter: 100_000,
    timeout: Duration::from_secs(2),
    rise: 2,
    fall: 3,
};

fn newcomers(count: usize) -> impl Iterator<Item = Result<usize, Standing>> {
    (0..count).map(|_| Err(Standing::HEALTHY))
}

fn schedule(rules: CheckRules, seed: u64, count: usize) -> CheckSchedule {
    let mut schedule = CheckSchedule::new(rules, seed);
    schedule.follow(rules, newcomers(count), Time::ZERO);
    schedule
}

fn everybody(_: usize) -> bool {
    true
}

/// Runs for so long; each check ends at once, as `passes` says of its place and moment. Tells who was checked when.
fn run(
    schedule: &mut CheckSchedule,
    from: Time,
    length: Duration,
    passes: impl Fn(usize, Time) -> bool,
) -> Vec<(Time, usize)> {
    let mut seen = vec![];
    let (mut now, end) = (from, from + length);
    loop {
        while let Some(check) = schedule.next_check(everybody, now) {
            seen.push((now, check.place));
            assert_eq!(schedule.place_of(check), Some(check.place));
            schedule.judge(check.place, passes(check.place, now), seen.len() as u64, now);
        }
        now = schedule.next_due().expect("there is somebody").max(now + Duration::from_nanos(1));
        if now >= end {
            return seen;
        }
    }
}

/// The most in any window of this width.
fn most_within(seen: &[(Time, usize)], width: Duration) -> usize {
    let mut start = 0;
    let counts = seen.iter().enumerate().map(|(end, &(at, _))| {
        while seen[start].0 + width <= at {
            start += 1;
        }
        end - start + 1
    });
    counts.max().unwrap_or(0)
}

#[test]
fn ten_thousand_endpoints_are_checked_evenly_from_the_start_on() {
    let mut schedule = schedule(RULES, 7, 10_000);
    let seen = run(&mut schedule, Time::ZERO, 60 * SECOND, |_, _| true);
    // 2 000 a second, 20 in 10 ms.
    let tenths = most_within(&seen, SECOND / 10);
    assert!(
        most_within(&seen, SECOND) <= 2_250 && tenths <= 300,
        "{} a second, {tenths} in 100 ms",
        most_within(&seen, SECOND)
    );
    let first_second = seen.iter().filter(|(at, _)| *at < Time::ZERO + SECOND).count();
    assert!((1_400..=2_100).contains(&first_second), "{first_second} in the first second");
    let mut counts = vec![0; 10_000];
    seen.iter().for_each(|&(_, place)| counts[place] += 1);
    assert!(counts.iter().all(|count| (11..=13).contains(count)));
}

#[test]
fn when_all_fall_ill_together_their_faster_checks_stay_spread() {
    let mut schedule = schedule(RULES, 7, 10_000);
    let ill = Time::ZERO + 20 * SECOND;
    let seen = run(&mut schedule, Time::ZERO, 60 * SECOND, |_, now| now < ill);
    // In doubt each is checked every second: 10 000 a second, and no more than twice what is usual at a moment.
    assert!(most_within(&seen, SECOND / 10) <= 1_500, "{}", most_within(&seen, SECOND / 10));
    assert!((0..10_000).all(|place| !schedule.standing(place).is_healthy()));
}

#[test]
fn after_a_stop_what_is_late_comes_at_twice_the_usual_rate_in_its_order() {
    let mut schedule = schedule(RULES, 7, 1_000);
    run(&mut schedule, Time::ZERO, 20 * SECOND, |_, _| true);
    let after = run(&mut schedule, Time::ZERO + 3_600 * SECOND, 20 * SECOND, |_, _| true);
    assert!(
        most_within(&after, SECOND) <= 411,
        "{} a second, where 200 are usual",
        most_within(&after, SECOND)
    );
    let soon: std::collections::HashSet<_> =
        after.iter().filter(|(at, _)| *at < Time::ZERO + 3_603 * SECOND).map(|&(_, place)| place).collect();
    assert_eq!(soon.len(), 1_000, "everybody within half an interval");
}

#[test]
fn a_dead_endpoint_is_found_within_an_interval_and_two_seconds_and_found_again_within_two_intervals() {
    for seed in 0..200 {
        let mut schedule = schedule(RULES, seed, 1);
        let (dead, alive) = (Time::ZERO + 30 * SECOND, Time::ZERO + 60 * SECOND);
        let passes = |_, now| now < dead || now >= alive;
        run(&mut schedule, Time::ZERO, 30 * SECOND + Duration::from_millis(8_600), passes);
        assert!(!schedule.standing(0).is_healthy(), "5.5 s and twice 1.55 s at the most");
        run(&mut schedule, dead + Duration::from_millis(8_600), Duration::from_secs_f64(31.4), passes);
        assert!(schedule.standing(0).is_healthy(), "10 s after it came back");
    }
}

#[test]
fn a_check_that_is_never_reported_teaches_nothing_and_is_asked_for_again() {
    let mut schedule = schedule(RULES, 1, 1);
    let mut now = schedule.next_due().expect("one");
    let lost = schedule.next_check(everybody, now).expect("it is due");
    let mut turns = vec![lost.turn];
    for _ in 0..10 {
        let next = schedule.next_due().expect("one");
        assert!(next.since(now) >= RULES.timeout && next.since(now) <= Duration::from_millis(7_700));
        now = next;
        turns.push(schedule.next_check(everybody, now).expect("it is due").turn);
    }
    assert_eq!(schedule.place_of(lost), None, "too late");
    turns.dedup();
    assert_eq!(turns.len(), 11);
    assert!(schedule.standing(0).is_healthy());
}

#[test]
fn who_is_not_wanted_is_passed_over() {
    let mut schedule = schedule(RULES, 1, 2);
    let mut seen = vec![];
    for tenth in 0..600_u32 {
        let now = Time::ZERO + tenth * (SECOND / 10);
        while let Some(check) = schedule.next_check(|place| place == 1, now) {
            seen.push(check.place);
            schedule.judge(check.place, true, 1, now);
        }
    }
    assert!((11..=13).contains(&seen.len()) && seen.iter().all(|&place| place == 1), "{seen:?}");
}

#[test]
fn without_traffic_it_is_checked_less_often() {
    let rules = CheckRules { every_idle: 60 * SECOND, ..RULES };
    let mut schedule = schedule(rules, 3, 1);
    let mut checks = 0;
    for second in 0..1_800_u32 {
        let now = Time::ZERO + second * SECOND;
        let requests = if second < 600 { u64::from(second) } else { 600 };
        while let Some(check) = schedule.next_check(everybody, now) {
            schedule.judge(check.place, true, requests, now);
            checks += 1;
        }
    }
    assert!((138..=146).contains(&checks), "{checks}: 120 while it is used, and then 20");
}

/// What a slow model knows of an endpoint, whatever place it has.
#[derive(Clone, Default)]
struct Known {
    verdicts: Vec<bool>,
    last: Option<Time>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Random clocks that jump, checks that are slow or lost, lists that change: the rate is bounded, nobody starves, and rise and fall are those of the plain history.
    #[test]
    fn the_schedule_keeps_its_word_on_random_clocks(seed: u64, count in 1_usize..60, most_under_way in 4_usize..32) {
        let mut draws = (0..).map(|turn| rng::draw(seed, turn));
        let mut draw = |bound: u64| draws.next().expect("endless") % bound;
        let place = |drawn: u64| usize::try_from(drawn).expect("few");
        let mut schedule = schedule(RULES, seed, count);
        let mut names: Vec<u64> = (0..count as u64).collect();
        let mut next_name = count as u64;
        let mut known: HashMap<u64, Known> = names.iter().map(|&name| (name, Known::default())).collect();
        let mut under_way: Vec<(Time, DueCheck, u64)> = vec![];
        let mut handed_out: Vec<(Time, usize)> = vec![];
        let mut now = Time::ZERO;
        let mut ticked = vec![];
        for _ in 0..3_000 {
            // Mostly small steps; now and then a stop.
            let step = if draw(400) == 0 { draw(30_000) } else { draw(40) };
            now = now + Duration::from_millis(step);
            ticked.push(now);
            let (ended, on_the_way): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|(end, ..)| *end <= now);
            under_way = on_the_way;
            for (_, check, name) in ended {
                let Some(place) = schedule.place_of(check) else { continue };
                prop_assert_eq!(names[place], name, "a check is of whom it was handed out for");
                let passed = draw(3) > 0;
                schedule.judge(place, passed, 0, now);
                known.get_mut(&name).expect("it is there").verdicts.push(passed);
            }
            while under_way.len() < most_under_way {
                let Some(check) = schedule.next_check(everybody, now) else { break };
                let name = names[check.place];
                let there = known.get_mut(&name).expect("it is there");
                prop_assert!(there.last.is_none_or(|last| now.since(last) >= SECOND / 2), "at least half of the shortest interval");
                there.last = Some(now);
                handed_out.push((now, check.place));
                // Some are lost: their end never comes.
                if draw(20) > 0 {
                    under_way.push((now + Duration::from_millis(draw(1_900)), check, name));
                }
            }
            if draw(200) == 0 {
                let leaving = place(draw(names.len() as u64 + 1));
                let mut places: Vec<Result<usize, Standing>> = (0..names.len()).filter(|&place| place != leaving).map(Ok).collect();
                let turned = place(draw(places.len().max(1) as u64));
                places.rotate_left(turned);
                let mut next: Vec<u64> = places.iter().map(|place| names[place.expect("all are old")]).collect();
                if draw(2) == 0 || places.is_empty() {
                    places.push(Err(Standing::HEALTHY));
                    next.push(next_name);
                    known.insert(next_name, Known::default());
                    next_name += 1;
                }
                schedule.follow(RULES, places.into_iter(), now);
                names = next;
            }
        }
        for (place, name) in names.iter().enumerate() {
            let mut standing = Standing::HEALTHY;
            for &passed in &known[name].verdicts {
                standing.learn(passed, 2, 3);
            }
            prop_assert_eq!(schedule.standing(place), standing, "it is what its own checks have shown");
        }
        // Twice the fastest rate there may be, and the burst.
        for width in [SECOND / 10, SECOND, 10 * SECOND] {
            let most = 12.0 + 2.0 * (count + 15) as f64 * width.as_secs_f64();
            prop_assert!(most_within(&handed_out, width) as f64 <= most, "{} in {width:?}", most_within(&handed_out, width));
        }
    }

    #[test]
    fn nobody_starves_where_fewer_checks_can_be_under_way_than_are_due(seed: u64, count in 20_usize..60) {
        // Each takes all of its 2 s, and only four are under way at a time: one round takes half a second for each.
        let mut schedule = schedule(RULES, seed, count);
        let mut last = vec![Time::ZERO; count];
        let mut under_way: Vec<(Time, DueCheck)> = vec![];
        let round = Duration::from_millis(500) * u32::try_from(count).expect("few") + 15 * SECOND;
        for step in 0..6_000_u32 {
            let now = Time::ZERO + step * Duration::from_millis(50);
            let ended: Vec<_> = under_way.extract_if(.., |(end, _)| *end <= now).collect();
            for (_, check) in ended {
                if let Some(place) = schedule.place_of(check) {
                    schedule.judge(place, false, 0, now);
                }
            }
            while under_way.len() < 4 {
                let Some(check) = schedule.next_check(everybody, now) else { break };
                prop_assert!(now.since(last[check.place]) <= round, "{:?} without a check", now.since(last[check.place]));
                last[check.place] = now;
                under_way.push((now + 2 * SECOND, check));
            }
        }
        let end = Time::ZERO + 6_000 * Duration::from_millis(50);
        prop_assert!(last.iter().all(|&last| end.since(last) <= round));
    }
}

//! Who does not answer health checks any more: Tenantry's checks beside Akka's phi accrual failure detector, on the same hosts.
//!
//! One asks each second and counts failures in a row; the other hears a heartbeat each second and judges their intervals. Neither sees requests: the rules for those are compared in [`crate::cases`].

use std::time::Duration;

use tenantry::{
    Balancer, CheckFailure, Config, HealthCheck, HealthCheckSpec, HealthChecks, HealthState, ManualClock,
    PoolSpec,
};

use crate::{
    peers::{PhiAccrual, PhiRules},
    rng::Rng,
};

/// When a host answers, and how fast.
struct Course {
    name: &'static str,
    /// At these milliseconds it is silent.
    is_silent: fn(u64) -> bool,
    /// Of a hundred answers so many are lost.
    lost_percent: u64,
    /// In milliseconds.
    slowest: u64,
}

const COURSES: [Course; 4] = [
    Course {
        name: "silent for a minute",
        is_silent: |now| (60_000..120_000).contains(&now),
        lost_percent: 0,
        slowest: 40,
    },
    Course {
        name: "silent for 2 s of every 30",
        is_silent: |now| now % 30_000 >= 28_000,
        lost_percent: 0,
        slowest: 40,
    },
    Course { name: "one answer in ten is lost", is_silent: |_| false, lost_percent: 10, slowest: 40 },
    Course { name: "answers take up to 400 ms", is_silent: |_| false, lost_percent: 0, slowest: 400 },
];

/// A host on its course.
struct Host<'a> {
    course: &'a Course,
    rng: Rng,
    /// How much sooner its silence comes, in milliseconds: not always at the same moment between two questions.
    sooner: u64,
}

impl<'a> Host<'a> {
    fn new(course: &'a Course, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0);
        let sooner = rng.next() % 1_000;
        Self { course, rng, sooner }
    }

    fn is_silent(&self, now: u64) -> bool {
        (self.course.is_silent)(now + self.sooner)
    }

    /// How long the answer to a question takes that is asked now; `None`: there is none.
    fn answer(&mut self, now: u64) -> Option<u64> {
        let (lost, time) = (self.rng.next() % 100, self.rng.next() % self.course.slowest + 1);
        let answers = !self.is_silent(now) && lost >= self.course.lost_percent;
        answers.then_some(time)
    }
}

/// Says whether a host is there.
trait Detector {
    /// Whether it is, at this millisecond; asked once in each [`STEP`].
    fn is_in(&mut self, host: &mut Host<'_>, now: u64) -> bool;
}

/// Real checks of a real balancer on simulated time.
struct Checks {
    balancer: Balancer,
    clock: ManualClock,
    checks: HealthChecks,
    /// Under way: it ends then, and so.
    under_way: Option<(HealthCheck, u64, bool)>,
}

impl Checks {
    fn new(seed: u64) -> Self {
        let clock = ManualClock::new();
        let spec = HealthCheckSpec::tcp().with_every(Duration::from_secs(1)).with_timeout(TIMEOUT);
        let pool = PoolSpec::new(["host"]).with_health_check(spec);
        let config = Config::new().with_seed(seed).with_pool("api", pool);
        let balancer = Balancer::with_clock(config, clock.clone()).expect("the configuration is right");
        let checks = balancer.health_checks();
        Self { balancer, clock, checks, under_way: None }
    }
}

impl Detector for Checks {
    fn is_in(&mut self, host: &mut Host<'_>, now: u64) -> bool {
        self.clock.advance(Duration::from_millis(STEP));
        if let Some((check, _, passes)) = self.under_way.take_if(|(_, ends, _)| *ends <= now) {
            if passes {
                self.checks.handle_passed(check);
            } else {
                self.checks.handle_failed(check, CheckFailure::Timeout, "silence");
            }
        }
        if self.under_way.is_none() {
            let timeout = u64::try_from(TIMEOUT.as_millis()).unwrap_or(u64::MAX);
            self.under_way = self.checks.next_check().map(|check| {
                let answer = host.answer(now).filter(|time| *time < timeout);
                (check, now + answer.unwrap_or(timeout), answer.is_some())
            });
        }
        let pool = self.balancer.pool_stats("api").expect("the pool");
        pool.endpoints()[0].health() == HealthState::Healthy
    }
}

/// Heartbeats each second.
struct Heartbeats {
    phi: PhiAccrual,
    /// When answers come that are on their way.
    coming: Vec<u64>,
}

impl Detector for Heartbeats {
    #[expect(clippy::cast_precision_loss, reason = "minutes, in milliseconds")]
    fn is_in(&mut self, host: &mut Host<'_>, now: u64) -> bool {
        if now.is_multiple_of(1_000) {
            self.coming.extend(host.answer(now).map(|time| now + time));
        }
        if self.coming.iter().any(|at| *at <= now) {
            self.phi.heartbeat(now as f64);
            self.coming.retain(|at| *at > now);
        }
        self.phi.is_available(now as f64)
    }
}

/// What came of it. In seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Showing {
    /// How long it was in although it was silent, of each minute of silence.
    pub(crate) in_while_silent: f64,
    /// How long it was out although it answered, of each minute of answers.
    pub(crate) out_while_answering: f64,
}

fn watch(course: &Course, detector: &mut dyn Detector, seed: u64) -> Showing {
    let mut host = Host::new(course, seed);
    let (mut silent, mut missed, mut wronged) = (0_u32, 0_u32, 0_u32);
    for now in (1..=LENGTH / STEP).map(|step| step * STEP) {
        let (is_in, is_silent) = (detector.is_in(&mut host, now), host.is_silent(now));
        silent += u32::from(is_silent);
        missed += u32::from(is_silent && is_in);
        wronged += u32::from(!is_silent && !is_in);
    }
    let answering = u32::try_from(LENGTH / STEP).unwrap_or(u32::MAX) - silent;
    let per_minute = |part: u32, of: u32| 60.0 * f64::from(part) / f64::from(of.max(1));
    Showing {
        in_while_silent: per_minute(missed, silent),
        out_while_answering: per_minute(wronged, answering),
    }
}

/// Of each course: Akka's detector and Tenantry's checks, means over so many seeds.
pub(crate) fn compare(seeds: u32) -> Vec<(&'static str, [Showing; 2])> {
    let seeds = seeds.max(1);
    let mean = |course: &Course, detector: &dyn Fn(u64) -> Box<dyn Detector>| {
        let mut sum = Showing::default();
        for seed in 0..u64::from(seeds) {
            let showing = watch(course, &mut *detector(seed), seed);
            sum.in_while_silent += showing.in_while_silent / f64::from(seeds);
            sum.out_while_answering += showing.out_while_answering / f64::from(seeds);
        }
        sum
    };
    let akka = |_| -> Box<dyn Detector> {
        Box::new(Heartbeats { phi: PhiAccrual::new(PhiRules::CLUSTER), coming: vec![] })
    };
    let ours = |seed| -> Box<dyn Detector> { Box::new(Checks::new(seed)) };
    COURSES.iter().map(|course| (course.name, [mean(course, &akka), mean(course, &ours)])).collect()
}

/// The table, and whether checks find the long silence sooner and leave nobody out who answers within the timeout.
pub(crate) fn report(seeds: u32) -> (String, bool) {
    let rows = compare(seeds);
    let mut table =
        "of each minute, s: in while silent, out while answering; Akka phi · Tenantry\n".to_owned();
    for (name, [akka, ours]) in &rows {
        table.push_str(&format!(
            "| {name} | {:.1} · {:.1} | {:.1} · {:.1} |\n",
            akka.in_while_silent, ours.in_while_silent, akka.out_while_answering, ours.out_while_answering
        ));
    }
    let [akka, ours] = rows[0].1;
    (table, ours.in_while_silent < akka.in_while_silent && rows[3].1[1].out_while_answering <= 0.0)
}

/// In milliseconds.
const STEP: u64 = 10;
const TIMEOUT: Duration = Duration::from_millis(500);
/// Three minutes.
const LENGTH: u64 = 180_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_find_silence_sooner_than_phi_and_leave_out_nobody_who_answers_in_time() {
        let (table, holds) = report(3);
        assert!(holds, "{table}");
    }

    #[test]
    fn phi_waits_for_its_acceptable_pause_and_leaves_out_nobody_who_answers() {
        let rows = compare(1);
        let pause = PhiRules::CLUSTER.acceptable_pause / 1e3;
        let silent = rows[0].1[0].in_while_silent;
        assert!(silent > pause && silent < 2.0 * pause, "{silent}");
        assert!(rows[1].1[0].in_while_silent > 59.9, "2 s are within the pause: {rows:?}");
        assert!(rows.iter().skip(2).all(|(_, [akka, _])| akka.out_while_answering <= 0.0), "{rows:?}");
    }
}

//! Interleaved timing: every round runs every case once, so that whatever disturbs the machine disturbs all of them.
//!
//! - A case is timed for about 2 ms per round, after as many operations untimed: what ran before it has evicted its
//!   caches, and a shorter warm-up would charge the case for that.
//! - A round counts for a case only if the thread had the processor to itself: CPU time at least 98.5 % of wall time
//!   (97 % with two threads). A thread that only ever gave the processor up by itself (a contended mutex) counts too.
//! - The figure is the median over the rounds; the ratio of two cases is the median of their quotients within a round.
//! - With two threads, both start each case at a barrier after the warm-up, are pinned where the system can, and a round
//!   counts only if they started and ended together. The figure is then the time of one operation on one thread.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// One thing to time: per thread, a closure that runs the operations `first..first + count`.
pub struct Case<'a> {
    name: String,
    workers: Vec<Worker<'a>>,
}

/// Runs the operations `first..first + count`.
pub type Worker<'a> = Box<dyn FnMut(usize, usize) + Send + 'a>;

impl std::fmt::Debug for Case<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Case").field("name", &self.name).field("threads", &self.workers.len()).finish()
    }
}

impl<'a> Case<'a> {
    /// A case of one thread.
    #[must_use]
    pub fn new(name: impl Into<String>, worker: impl FnMut(usize, usize) + Send + 'a) -> Self {
        Self { name: name.into(), workers: vec![Box::new(worker)] }
    }

    /// A case of two threads that run at the same time.
    #[must_use]
    pub fn pair(name: impl Into<String>, workers: [Worker<'a>; 2]) -> Self {
        Self { name: name.into(), workers: workers.into() }
    }
}

/// What the rounds of one group said.
#[derive(Debug)]
pub struct Measured {
    names: Vec<String>,
    /// Nanoseconds per operation, by case and round; `None` where the round was disturbed.
    rounds: Vec<Vec<Option<f64>>>,
}

impl Measured {
    /// The median of the case, in nanoseconds per operation; `None` if no round was undisturbed.
    #[must_use]
    pub fn ns(&self, case: &str) -> Option<f64> {
        median(self.rounds(case)?.iter().flatten().copied())
    }

    /// The lowest tenth of the case, in nanoseconds per operation.
    #[must_use]
    pub fn p10(&self, case: &str) -> Option<f64> {
        quantile(self.rounds(case)?.iter().flatten().copied(), 0.1)
    }

    /// The median quotient of two cases within a round.
    #[must_use]
    pub fn ratio(&self, case: &str, to: &str) -> Option<f64> {
        self.ratio_at(case, to, 0.5)
    }

    /// The median of what the case takes beyond the other within a round, in nanoseconds per operation.
    #[must_use]
    pub fn beyond(&self, case: &str, base: &str) -> Option<f64> {
        let rounds = self.rounds(case)?.iter().zip(self.rounds(base)?);
        median(rounds.filter_map(|(case, base)| Some((*case)? - (*base)?)))
    }

    /// The quotient of two cases within a round that `share` of the rounds do not exceed.
    #[must_use]
    pub fn ratio_at(&self, case: &str, to: &str, share: f64) -> Option<f64> {
        let rounds = self.rounds(case)?.iter().zip(self.rounds(to)?);
        quantile(rounds.filter_map(|(case, to)| Some((*case)? / (*to)?)), share)
    }

    /// How many rounds of the case counted.
    #[must_use]
    pub fn clean(&self, case: &str) -> usize {
        self.rounds(case).map_or(0, |rounds| rounds.iter().flatten().count())
    }

    fn rounds(&self, case: &str) -> Option<&[Option<f64>]> {
        let at = self.names.iter().position(|name| name == case)?;
        Some(&self.rounds[at])
    }
}

/// Times the cases in `rounds` interleaved rounds. All of them have the same number of threads.
///
/// # Panics
///
/// If the group is empty or its cases differ in threads, or if a case panics.
#[must_use]
pub fn measure(cases: Vec<Case<'_>>, rounds: usize) -> Measured {
    measure_warm(cases, rounds, 1)
}

/// The same with so many times as many operations untimed as are timed: for cases that use more memory than 2 ms touch.
///
/// # Panics
///
/// As [`measure`].
#[must_use]
pub fn measure_warm(cases: Vec<Case<'_>>, rounds: usize, warm_ups: usize) -> Measured {
    let threads = cases.first().expect("a group has cases").workers.len();
    assert!(cases.iter().all(|case| case.workers.len() == threads), "a group runs on one number of threads");
    let names: Vec<_> = cases.iter().map(|case| case.name.clone()).collect();
    let counts: Vec<_> = names.iter().map(|_| AtomicUsize::new(0)).collect();
    let barrier = SpinBarrier::new(threads);
    let mut lanes: Vec<Vec<Worker<'_>>> = (0..threads).map(|_| Vec::new()).collect();
    for case in cases {
        lanes.iter_mut().zip(case.workers).for_each(|(lane, worker)| lane.push(worker));
    }
    let samples: Vec<Vec<Vec<Sample>>> = std::thread::scope(|scope| {
        let run = |(index, lane)| {
            let (counts, barrier) = (&counts, &barrier);
            scope.spawn(move || {
                pin(index, threads);
                run_lane(index, lane, counts, barrier, (rounds, warm_ups))
            })
        };
        let handles: Vec<_> = lanes.into_iter().enumerate().map(run).collect();
        handles.into_iter().map(|handle| handle.join().expect("a case does not panic")).collect()
    });
    let judge = |case: usize| (0..rounds).map(|round| verdict(&samples, case, round)).collect();
    Measured { rounds: (0..names.len()).map(judge).collect(), names }
}

/// One thread's share: all rounds of all its cases, in step with the other threads.
fn run_lane(
    index: usize,
    mut lane: Vec<Worker<'_>>,
    counts: &[AtomicUsize],
    barrier: &SpinBarrier,
    (rounds, warm_ups): (usize, usize),
) -> Vec<Vec<Sample>> {
    let mut next = vec![0_usize; lane.len()];
    for (case, worker) in lane.iter_mut().enumerate() {
        barrier.wait();
        let count = calibrate(worker, &mut next[case]);
        if index == 0 {
            counts[case].store(count, Relaxed);
        }
        barrier.wait();
    }
    let mut samples: Vec<Vec<Sample>> = lane.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for _ in 0..rounds {
        for (case, worker) in lane.iter_mut().enumerate() {
            let count = counts[case].load(Relaxed);
            barrier.wait();
            worker(next[case], count * warm_ups);
            next[case] += count * warm_ups;
            barrier.wait();
            let sample = Sample::take(|| worker(next[case], count), count);
            next[case] += count;
            barrier.wait();
            samples[case].push(sample);
        }
    }
    samples
}

/// Finds how many operations take about one round.
fn calibrate(worker: &mut Worker<'_>, next: &mut usize) -> usize {
    let mut count = 64;
    loop {
        let start = Instant::now();
        worker(*next, count);
        let took = start.elapsed();
        *next += count;
        if took >= ROUND / 2 || count >= 1 << 24 {
            let scale = ROUND.as_secs_f64() / took.as_secs_f64().max(1e-9);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of operations, below 2^25"
            )]
            return ((count as f64 * scale) as usize).max(1);
        }
        count *= 2;
    }
}

/// One timed run on one thread.
#[derive(Clone, Copy, Debug)]
struct Sample {
    start: Instant,
    wall: Duration,
    cpu: Duration,
    switches: Option<Switches>,
    count: usize,
}

impl Sample {
    fn take(run: impl FnOnce(), count: usize) -> Self {
        let before = Switches::of_this_thread();
        let cpu = thread_cpu();
        let start = Instant::now();
        run();
        let wall = start.elapsed();
        let cpu = thread_cpu().saturating_sub(cpu);
        let switches = Switches::of_this_thread().zip(before).map(|(after, before)| after.since(before));
        Self { start, wall, cpu, switches, count }
    }

    fn had_the_processor(&self, share: f64) -> bool {
        let slept = self.switches.is_some_and(|switches| switches.own > 0 && switches.forced == 0);
        slept || self.cpu.as_secs_f64() >= share * self.wall.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of operations, below 2^25")]
    fn ns(&self) -> f64 {
        self.wall.as_secs_f64() * 1e9 / self.count as f64
    }
}

/// Nanoseconds per operation and thread, or `None` where the round was disturbed.
fn verdict(samples: &[Vec<Vec<Sample>>], case: usize, round: usize) -> Option<f64> {
    let of_round: Vec<&Sample> = samples.iter().map(|thread| &thread[case][round]).collect();
    let share = if of_round.len() == 1 { 0.985 } else { 0.97 };
    let longest = of_round.iter().map(|sample| sample.wall).max()?;
    let starts = of_round.iter().map(|sample| sample.start);
    let skew = starts.clone().max()? - starts.min()?;
    let ends = of_round.iter().map(|sample| sample.start + sample.wall);
    let apart = ends.clone().max()? - ends.min()?;
    let together = skew <= longest.mul_f64(0.03) && apart <= longest.mul_f64(0.25);
    if !together || !of_round.iter().all(|sample| sample.had_the_processor(share)) {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "one or two threads")]
    Some(of_round.iter().map(|sample| sample.ns()).sum::<f64>() / of_round.len() as f64)
}

/// How often the thread gave the processor up, and how often it was taken away; Linux only.
#[derive(Clone, Copy, Debug)]
struct Switches {
    own: u64,
    forced: u64,
}

impl Switches {
    fn of_this_thread() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse().ok()
        };
        Some(Self { own: field("voluntary_ctxt_switches:")?, forced: field("nonvoluntary_ctxt_switches:")? })
    }

    fn since(self, before: Self) -> Self {
        Self { own: self.own - before.own, forced: self.forced - before.forced }
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("CPU time is not negative");
    let nanos = u32::try_from(time.tv_nsec).expect("below a second");
    Duration::new(seconds, nanos)
}

/// Keeps two threads on two processors; what the system refuses is left as it is.
fn pin(index: usize, threads: usize) {
    #[cfg(target_os = "linux")]
    if threads > 1 {
        let mut set = rustix::thread::CpuSet::new();
        set.set(index);
        rustix::thread::sched_setaffinity(None, &set).ok();
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (index, threads);
}

/// Lets all threads through at once, without sleeping while the others are near.
#[derive(Debug)]
struct SpinBarrier {
    threads: usize,
    arrived: AtomicUsize,
    generation: AtomicUsize,
}

impl SpinBarrier {
    fn new(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0), generation: AtomicUsize::new(0) }
    }

    /// The last to arrive publishes (release) a new generation, which the others wait for (acquire).
    fn wait(&self) {
        let generation = self.generation.load(Acquire);
        if self.arrived.fetch_add(1, AcqRel) + 1 == self.threads {
            self.arrived.store(0, Relaxed);
            self.generation.store(generation + 1, Release);
            return;
        }
        let mut spins = 0_u32;
        while self.generation.load(Acquire) == generation {
            spins += 1;
            if spins.is_multiple_of(1 << 16) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    quantile(values, 0.5)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index among rounds"
)]
fn quantile(values: impl Iterator<Item = f64>, share: f64) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(values[(last as f64 * share).round() as usize])
}

/// How long a case runs in each round.
const ROUND: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_number_is_run_once_and_in_order() {
        let mut expected = 0;
        let case = Case::new("count", |first, count| {
            assert_eq!(first, expected);
            expected += count;
            for at in 0..count {
                std::hint::black_box(at);
            }
        });
        let measured = measure(vec![case], 3);
        assert_eq!(measured.rounds[0].len(), 3);
        assert!(expected > 0);
    }

    #[test]
    fn both_threads_run_every_round() {
        let runs = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let worker = |at: usize| {
            let runs = &runs;
            Box::new(move |_: usize, count: usize| {
                runs[at].fetch_add(1, Relaxed);
                for at in 0..count {
                    std::hint::black_box(at);
                }
            }) as Worker<'_>
        };
        let measured = measure(vec![Case::pair("pair", [worker(0), worker(1)])], 5);
        assert_eq!(measured.rounds[0].len(), 5);
        assert!(runs.iter().all(|runs| runs.load(Relaxed) > 10));
    }

    #[test]
    fn a_ratio_is_the_median_of_the_quotients_within_a_round() {
        let measured = Measured {
            names: vec!["a".into(), "b".into()],
            rounds: vec![
                vec![Some(2.0), Some(30.0), None, Some(8.0)],
                vec![Some(1.0), Some(10.0), Some(1.0), Some(2.0)],
            ],
        };
        assert_eq!(measured.ratio("a", "b"), Some(3.0));
        assert_eq!(measured.beyond("a", "b"), Some(6.0));
        assert_eq!(measured.ns("a"), Some(8.0));
        assert_eq!(measured.clean("a"), 3);
        assert_eq!(measured.ratio("a", "nothing"), None);
    }
}

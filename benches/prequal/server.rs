//! A server: some cores of a machine that others use, too, shared evenly by all that it works on.

use std::collections::BTreeSet;

use tenantry::ServerLoad;

use super::rng::Rng;

/// Processor sharing: each job runs on a core of its own as long as there are enough, and on an equal share of them where there are not.
pub(crate) struct Server {
    /// What it is promised.
    allocation: f64,
    /// How much work one core does in a second.
    speed: f64,
    /// What the antagonist leaves it now.
    cores: f64,
    /// Work that a job has got which has been there from the start.
    served: f64,
    since: u64,
    /// By the `served` at which each job is done.
    jobs: BTreeSet<(u64, usize)>,
    /// Counts changes: what was foreseen before one is not to be believed.
    turn: u64,
    pub(crate) load: ServerLoad,
}

impl Server {
    pub(crate) fn new(allocation: f64, speed: f64) -> Self {
        Self {
            allocation,
            speed,
            cores: allocation,
            served: 0.0,
            since: 0,
            jobs: BTreeSet::new(),
            turn: 0,
            load: ServerLoad::new(),
        }
    }

    /// The antagonist changes its mind: on some machines it takes part of what was promised, on most it leaves more than that.
    pub(crate) fn contend(&mut self, rng: &mut Rng, now: u64) {
        self.catch_up(now);
        let share =
            if rng.uniform() < CONTENDED { 0.6 + 0.4 * rng.uniform() } else { 1.0 + 1.5 * rng.uniform() };
        self.cores = self.allocation * share;
    }

    /// A job that takes `work` nanoseconds on a core of speed 1. Says by what to take it away again.
    pub(crate) fn begin(&mut self, job: usize, work: f64, now: u64) -> u64 {
        self.catch_up(now);
        let done_at = (self.served + work).to_bits();
        self.jobs.insert((done_at, job));
        done_at
    }

    pub(crate) fn take_away(&mut self, job: usize, done_at: u64, now: u64) {
        self.catch_up(now);
        self.jobs.remove(&(done_at, job));
    }

    /// When the next job is done if nothing changes, and what to hand in to [`finish`](Self::finish) then.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "simulated minutes fit")]
    pub(crate) fn next_done(&self) -> Option<(u64, u64)> {
        let &(done_at, _) = self.jobs.first()?;
        let left = (f64::from_bits(done_at) - self.served).max(0.0);
        Some((self.since + (left / self.rate()).ceil() as u64, self.turn))
    }

    /// The job that is done now, unless something has changed since that was foreseen.
    pub(crate) fn finish(&mut self, turn: u64, now: u64) -> Option<usize> {
        if turn != self.turn {
            return None;
        }
        self.catch_up(now);
        self.jobs.pop_first().map(|(_, job)| job)
    }

    #[expect(clippy::cast_precision_loss, reason = "jobs are few")]
    fn rate(&self) -> f64 {
        self.speed * (self.cores / self.jobs.len().max(1) as f64).min(1.0)
    }

    #[expect(clippy::cast_precision_loss, reason = "simulated minutes are below 2⁵³ ns")]
    fn catch_up(&mut self, now: u64) {
        self.served += (now - self.since) as f64 * self.rate();
        self.since = now;
        self.turn += 1;
    }
}

/// The share of machines on which antagonists take more than is left over.
const CONTENDED: f64 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_share_the_cores_once_there_are_more_of_them() {
        let mut server = Server::new(2.0, 1.0);
        server.begin(0, 100.0, 0);
        server.begin(1, 100.0, 0);
        assert_eq!(server.next_done().map(|(at, _)| at), Some(100), "a core each");
        // Two more: half a core each from here on.
        server.begin(2, 10.0, 50);
        let leaves = server.begin(3, 500.0, 50);
        let (at, turn) = server.next_done().expect("there is one");
        assert_eq!((at, server.finish(turn, at)), (70, Some(2)));
        server.take_away(3, leaves, 70);
        let (at, turn) = server.next_done().expect("there is one");
        assert_eq!(at, 110, "of 100 they have 60, and a core each again");
        assert_eq!((server.finish(turn + 1, at), server.finish(turn, at)), (None, Some(0)));
    }
}

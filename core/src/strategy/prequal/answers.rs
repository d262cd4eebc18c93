//! The answers that are kept, and which of them is the best and which the worst.

use std::time::Duration;

use crate::time::Time;

/// What one endpoint said of itself, and what has been sent there since.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) endpoint: u32,
    /// Requests in flight over weight.
    pub(super) load: f32,
    /// What one more request adds to the load.
    pub(super) step: f32,
    /// Nanoseconds over weight.
    pub(super) latency: f32,
    pub(super) taken: Time,
    /// How many requests more it may serve.
    pub(super) uses: u32,
}

/// The paper's probe pool: the oldest first, at most one answer of each endpoint.
#[derive(Debug)]
pub(super) struct Answers {
    kept: Vec<Answer>,
    most: usize,
    /// Which of the two ends removal is at.
    oldest_next: bool,
}

impl Answers {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Vec::with_capacity(most + 1), most, oldest_next: true }
    }

    /// Keeps an answer, in place of an earlier one of the same endpoint; where there are too many, the oldest goes.
    pub(super) fn keep(&mut self, answer: Answer) {
        self.kept.retain(|known| known.endpoint != answer.endpoint);
        self.kept.push(answer);
        if self.kept.len() > self.most {
            self.kept.remove(0);
        }
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, age: Duration, now: Time) {
        let young = self.kept.partition_point(|answer| now.since(answer.taken) > age);
        self.kept.drain(..young);
    }

    /// The hot-cold lexicographic rule: of those that are not above the threshold (cold) the one with the least latency; where all are
    /// hot, the one with the least load. `None` with fewer than two to choose from.
    pub(super) fn best(&self, threshold: f32, usable: impl Fn(u32) -> bool) -> Option<usize> {
        let usable = |index: &usize| usable(self.kept[*index].endpoint);
        let mut choices = (0..self.kept.len()).filter(usable);
        let first = choices.next()?;
        let second = choices.next()?;
        let better = |one: usize, other: usize| {
            let is_better = self.kept[other].rank(threshold) < self.kept[one].rank(threshold);
            if is_better { other } else { one }
        };
        Some(choices.fold(better(first, second), better))
    }

    /// A request goes where this answer is from.
    pub(super) fn use_up(&mut self, index: usize) -> u32 {
        let answer = &mut self.kept[index];
        let endpoint = answer.endpoint;
        answer.load += answer.step;
        answer.uses = answer.uses.saturating_sub(1);
        if answer.uses == 0 {
            self.kept.remove(index);
        }
        endpoint
    }

    /// Throws one away: in turn the oldest, and the worst: of the hot the one with the most load, else the one with the
    /// greatest latency.
    pub(super) fn remove_one(&mut self, threshold: f32) {
        if self.kept.is_empty() {
            return;
        }
        let worst = |one: usize, other: usize| {
            let is_worse = self.kept[other].rank(threshold) > self.kept[one].rank(threshold);
            if is_worse { other } else { one }
        };
        let place = if self.oldest_next { 0 } else { (1..self.kept.len()).fold(0, worst) };
        self.kept.remove(place);
        self.oldest_next = !self.oldest_next;
    }
}

impl Answer {
    /// The less, the better.
    fn rank(&self, threshold: f32) -> (bool, f32, f32) {
        if self.load > threshold { (true, self.load, self.latency) } else { (false, self.latency, self.load) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Answers of endpoints 0, 1, 2 … with these loads and latencies, in the order of their coming.
    fn answers(figures: &[(u8, u8)]) -> Answers {
        let mut answers = Answers::new(16);
        for (endpoint, &(load, latency)) in (0..).zip(figures) {
            answers.keep(answer(endpoint, load, latency));
        }
        answers
    }

    fn answer(endpoint: u32, load: u8, latency: u8) -> Answer {
        let taken = Time::from_nanos(u64::from(endpoint) * 1_000);
        Answer { endpoint, load: load.into(), step: 1.0, latency: latency.into(), taken, uses: 2 }
    }

    fn best(answers: &Answers, threshold: f32) -> Option<u32> {
        answers.best(threshold, |_| true).map(|index| answers.kept[index].endpoint)
    }

    fn endpoints(answers: &Answers) -> Vec<u32> {
        answers.kept.iter().map(|answer| answer.endpoint).collect()
    }

    #[test]
    fn any_cold_one_goes_before_every_hot_one_and_among_the_cold_the_fastest() {
        let pool = answers(&[(9, 1), (3, 80), (2, 90), (4, 70)]);
        assert_eq!(
            best(&pool, 4.0),
            Some(3),
            "the hot one is fastest, and three are cold: a load at the threshold is"
        );
        assert_eq!(best(&pool, 3.0), Some(1));
        assert_eq!(best(&pool, 2.0), Some(2), "one is cold");
        assert_eq!(best(&pool, 1.0), Some(2), "all are hot: the least load");
        assert_eq!(best(&pool, f32::INFINITY), Some(0), "quantile 1: by latency alone");
        assert_eq!(best(&pool, f32::NEG_INFINITY), Some(2), "quantile 0: by load alone");
    }

    #[test]
    fn one_answer_is_no_choice_and_unusable_endpoints_are_none() {
        assert_eq!(best(&answers(&[]), 1.0), None);
        assert_eq!(best(&answers(&[(0, 1)]), 1.0), None);
        let pool = answers(&[(0, 1), (0, 2), (0, 3)]);
        let found = |usable: fn(u32) -> bool| pool.best(1.0, usable).map(|index| pool.kept[index].endpoint);
        assert_eq!(found(|endpoint| endpoint > 0), Some(1));
        assert_eq!(found(|endpoint| endpoint > 1), None);
    }

    #[test]
    fn what_is_sent_somewhere_counts_there_until_the_answer_is_used_up() {
        let mut pool = answers(&[(1, 10), (1, 20), (0, 30)]);
        assert_eq!(pool.use_up(0), 0);
        assert!((pool.kept[0].load - 2.0).abs() < 1e-6);
        assert_eq!(best(&pool, 1.0), Some(1), "now it is hot");
        assert_eq!(pool.use_up(0), 0);
        assert_eq!(endpoints(&pool), [1, 2]);
    }

    #[test]
    fn the_oldest_and_the_worst_are_removed_in_turn() {
        let mut pool = answers(&[(0, 5), (7, 1), (9, 2), (1, 99), (1, 50), (2, 40)]);
        let mut left = || {
            pool.remove_one(3.0);
            endpoints(&pool)
        };
        assert_eq!(left(), [1, 2, 3, 4, 5], "the oldest");
        assert_eq!(left(), [1, 3, 4, 5], "the most loaded of the hot");
        assert_eq!(left(), [3, 4, 5], "the oldest");
        assert_eq!(left(), [4, 5], "none is hot: the slowest");
        assert_eq!(left(), [5]);
        assert_eq!(left(), [0_u32; 0]);
        assert_eq!(left(), [0_u32; 0]);
    }

    #[test]
    fn there_are_never_too_many_never_two_of_one_endpoint_and_none_too_old() {
        let mut pool = Answers::new(3);
        (0..5).for_each(|endpoint| pool.keep(answer(endpoint, 0, 0)));
        assert_eq!(endpoints(&pool), [2, 3, 4]);
        pool.keep(Answer { taken: Time::from_nanos(9_000), ..answer(3, 1, 1) });
        assert_eq!(endpoints(&pool), [2, 4, 3]);
        pool.expire(Duration::from_nanos(1_000), Time::from_nanos(3_001));
        assert_eq!(endpoints(&pool), [4, 3]);
        pool.expire(Duration::from_nanos(1_000), Time::from_nanos(10_000));
        assert_eq!(endpoints(&pool), [3], "as old as allowed");
    }
}

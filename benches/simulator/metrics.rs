//! The figures that expectations and tables are made of.

use serde::Deserialize;

use super::{
    record::{PoolSample, Tally},
    results::{Outcome, WindowOutcome},
};

/// A figure of one window, of one tenant or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Requests that arrived.
    Offered,
    Admitted,
    Succeeded,
    Failed,
    /// Clients that went away.
    GaveUp,
    Rejected,
    /// Rejected because queues were full, be it at the door or pushed out.
    QueueFull,
    /// Succeeded by offered.
    Success,
    /// Failed by offered: what clients see of bad endpoints.
    ErrorShare,
    /// Successes that ended in the window, per second.
    Goodput,
    /// Their cost, per second.
    CostGoodput,
    /// Their cost, by that of all tenants.
    Share,
    /// From arrival to answer, of successes; in seconds.
    Mean,
    P50,
    P90,
    P99,
    P999,
    Longest,
    /// From arrival to admission; in seconds.
    WaitMean,
    WaitP50,
    WaitP99,
    WaitP999,
    /// Jain's index of cost by weight, over the tenants that waited through at least 99 % of the window.
    Jain,
    /// How many tenants that were.
    Backlogged,
    /// Of the pool's seats at each step of the series.
    SeatsMean,
    SeatsLeast,
    SeatsMost,
    InFlightMean,
    WaitingMean,
}

/// What figure is meant.
#[derive(Clone, Debug)]
pub(crate) struct Selector<'a> {
    pub(crate) window: &'a str,
    /// A tenant; `x*` is all whose names begin with x, `*` is all.
    pub(crate) tenant: &'a str,
    /// Only what this load asked for, or those whose names begin with what stands before a star; then `tenant` is `*`.
    pub(crate) load: Option<&'a str>,
    pub(crate) metric: Metric,
}

impl<'a> Selector<'a> {
    /// Of all loads together.
    pub(crate) const fn of_tenant(window: &'a str, tenant: &'a str, metric: Metric) -> Self {
        Self { window, tenant, load: None, metric }
    }
}

impl Outcome {
    /// A figure; not a number where there is nothing to say.
    pub(crate) fn figure(&self, selector: &Selector<'_>) -> f64 {
        let Some(window) = self.window(selector.window) else { return f64::NAN };
        if let Some(load) = selector.load {
            return window.figure_of(&self.loads_tally(window, load), selector.metric);
        }
        let chosen = self.chosen(selector.tenant);
        match selector.metric {
            Metric::Jain => jain(&self.served_by_weight(window, &chosen)),
            Metric::Backlogged => count(self.served_by_weight(window, &chosen).len()),
            metric => window.figure_of(&window.together(&chosen), metric),
        }
    }

    /// The tenants that a name or a prefix with a star means.
    pub(crate) fn chosen(&self, tenant: &str) -> Vec<usize> {
        let tenants = self.tenants.iter().enumerate();
        tenants.filter(|(_, (name, _))| is_meant(tenant, name)).map(|(at, _)| at).collect()
    }

    /// The loads that a name means, as if they were one.
    fn loads_tally(&self, window: &WindowOutcome, load: &str) -> Tally {
        let mut all = Tally::new();
        let loads = self.loads.iter().zip(&window.load_tallies);
        loads.filter(|(name, _)| is_meant(load, name)).for_each(|(_, tally)| all.add(tally));
        all
    }

    /// What each tenant got for its weight that waited all the time.
    fn served_by_weight(&self, window: &WindowOutcome, chosen: &[usize]) -> Vec<f64> {
        let waited = |at: &&usize| number(window.tallies[**at].backlogged) >= 0.99 * window.seconds * 1e9;
        let served = |&at: &usize| number(window.tallies[at].goodput_cost) / self.tenants[at].1;
        chosen.iter().filter(waited).map(served).collect()
    }
}

impl WindowOutcome {
    fn figure_of(&self, tally: &Tally, metric: Metric) -> f64 {
        let latency = |quantile| number(tally.latency.value_at_quantile(quantile)) / 1e6;
        let wait = |quantile| number(tally.wait.value_at_quantile(quantile)) / 1e6;
        let offered = number(tally.offered);
        match metric {
            Metric::Offered => offered,
            Metric::Admitted => number(tally.admitted),
            Metric::Succeeded => number(tally.succeeded),
            Metric::Failed => number(tally.failed),
            Metric::GaveUp => number(tally.gave_up),
            Metric::Rejected => number(tally.all_rejected()),
            Metric::QueueFull => number(tally.rejected.get("QUEUE_FULL").copied().unwrap_or(0)),
            Metric::Success => number(tally.succeeded) / offered,
            Metric::ErrorShare => number(tally.failed) / offered,
            Metric::Goodput => number(tally.goodput) / self.seconds,
            Metric::CostGoodput => number(tally.goodput_cost) / self.seconds,
            Metric::Mean => tally.latency.mean() / 1e6,
            Metric::P50 => latency(0.5),
            Metric::P90 => latency(0.9),
            Metric::P99 => latency(0.99),
            Metric::P999 => latency(0.999),
            Metric::Longest => latency(1.0),
            Metric::WaitMean => tally.wait.mean() / 1e6,
            Metric::WaitP50 => wait(0.5),
            Metric::WaitP99 => wait(0.99),
            Metric::WaitP999 => wait(0.999),
            Metric::SeatsMean => mean(self.of_pools(|pool| pool.capacity)),
            Metric::SeatsLeast => self.of_pools(|pool| pool.capacity).fold(f64::INFINITY, f64::min),
            Metric::SeatsMost => self.of_pools(|pool| pool.capacity).fold(0.0, f64::max),
            Metric::InFlightMean => mean(self.of_pools(|pool| pool.in_flight)),
            Metric::WaitingMean => mean(self.of_pools(|pool| pool.waiting)),
            Metric::Share => {
                let all: u64 = self.tallies.iter().map(|tally| tally.goodput_cost).sum();
                number(tally.goodput_cost) / number(all)
            }
            Metric::Jain | Metric::Backlogged => f64::NAN,
        }
    }

    /// Several tenants as if they were one.
    pub(crate) fn together(&self, chosen: &[usize]) -> Tally {
        let mut all = Tally::new();
        chosen.iter().for_each(|&at| all.add(&self.tallies[at]));
        all
    }

    /// All pools of a scenario, sample by sample.
    fn of_pools(&self, value: impl Fn(&PoolSample) -> u32) -> impl Iterator<Item = f64> {
        self.samples.iter().flatten().map(move |pool| f64::from(value(pool)))
    }
}

/// Whether a name is meant by another, or by what stands before its star.
pub(crate) fn is_meant(wanted: &str, name: &str) -> bool {
    wanted.strip_suffix('*').map_or(name == wanted, |prefix| name.starts_with(prefix))
}

/// (Σx)² / (n Σx²): 1 when all are equal, 1/n when one has everything.
fn jain(values: &[f64]) -> f64 {
    let (sum, squares) = values.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    sum * sum / (count(values.len()) * squares)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, number) = values.fold((0.0, 0.0), |(sum, number), value| (sum + value, number + 1.0));
    sum / number
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵³")]
pub(crate) const fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵³")]
pub(crate) const fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jains_index_is_one_for_equals_and_a_share_for_one_who_has_it_all() {
        assert!((jain(&[3.0, 3.0, 3.0]) - 1.0).abs() < 1e-12);
        assert!((jain(&[9.0, 0.0, 0.0]) - 1.0 / 3.0).abs() < 1e-12);
        assert!(jain(&[]).is_nan());
    }
}

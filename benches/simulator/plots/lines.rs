//! Which loads of which variants a plot shows, and their figures by time.

use crate::{
    document::Document,
    metrics::count,
    record::LoadStep,
    results::{Outcome, Series},
};

/// One load of one variant.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) outcome: &'a Outcome,
    pub(super) load: usize,
    pub(super) label: String,
}

/// What a load got in some steps together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    /// The middle of these steps, in seconds.
    pub(super) at: f64,
    /// Per second, of one seed on average.
    pub(super) goodput: f64,
    /// In milliseconds, over all seeds; nothing where nobody succeeded.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

/// The loads of the scenario as it stands, then those of the variants that its expectations speak of; no more than a plot bears.
pub(super) fn lines<'a>(document: &Document, outcomes: &'a [Outcome]) -> Vec<Line<'a>> {
    let Some(base) = outcomes.first() else { return vec![] };
    let mut shown = vec![base];
    for outcome in document.expect.iter().flat_map(|expect| expect.speaks_of(outcomes)) {
        if !shown.iter().any(|known| known.variant == outcome.variant) {
            shown.push(outcome);
        }
    }
    let alone = shown.len() == 1;
    let of_outcome = |outcome: &'a Outcome| {
        busiest(outcome).into_iter().map(move |load| {
            let name = &outcome.loads[load];
            let label = if alone || outcome.variant.is_empty() {
                name.clone()
            } else {
                format!("{name}, variant {}", outcome.label())
            };
            Line { outcome, load, label }
        })
    };
    shown.into_iter().flat_map(of_outcome).take(MOST_LINES).collect()
}

/// The loads with the most successes, in the order of their names.
fn busiest(outcome: &Outcome) -> Vec<usize> {
    let succeeded =
        |load: &usize| outcome.windows.first().map_or(0, |window| window.load_tallies[*load].succeeded);
    let mut order: Vec<usize> = (0..outcome.loads.len()).collect();
    order.sort_by_key(|load| std::cmp::Reverse(succeeded(load)));
    order.truncate(MOST_LINES);
    order.sort_unstable();
    order
}

impl Line<'_> {
    /// Its figures up to `end`, at no more points than a plot needs.
    pub(super) fn moments(&self, end: f64) -> Vec<Moment> {
        let outcome = self.outcome;
        let steps = outcome.series.iter().map(|series| series.loads.len()).max().unwrap_or(0);
        let each = per_point(steps);
        let starts =
            (0..steps).step_by(each).filter(|&step| count(step + each) * outcome.sample_s <= end + 1e-9);
        starts.map(|first| self.moment(first, each)).collect()
    }

    fn moment(&self, first: usize, each: usize) -> Moment {
        let Outcome { series, sample_s, .. } = self.outcome;
        let steps = |series: &'_ Series| -> Vec<LoadStep> {
            let steps = series.loads.iter().skip(first).take(each);
            steps.map(|loads| loads[self.load].clone()).collect()
        };
        let steps: Vec<LoadStep> = series.iter().flat_map(steps).collect();
        let mut latencies: Vec<u32> = steps.iter().flat_map(|step| &step.latencies).copied().collect();
        latencies.sort_unstable();
        let quantile = |percent: usize| {
            let at = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
            latencies.get(at).map(|&micros| f64::from(micros) / 1e3)
        };
        let seconds = count(each) * sample_s;
        let succeeded: u64 = steps.iter().map(|step| step.succeeded).sum();
        Moment {
            at: count(first) * sample_s + seconds / 2.0,
            goodput: crate::metrics::number(succeeded) / seconds / count(series.len().max(1)),
            p50: quantile(50),
            p99: quantile(99),
        }
    }
}

/// How many steps of a series one point stands for.
pub(super) const fn per_point(steps: usize) -> usize {
    let each = steps.div_ceil(MOST_POINTS);
    if each == 0 { 1 } else { each }
}

const MOST_LINES: usize = 4;
const MOST_POINTS: usize = 200;

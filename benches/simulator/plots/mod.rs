//! Plots of one scenario, as SVG beside its report: latency, goodput and seats by time, shares, and latency by percentile.

mod axis;
mod canvas;
mod figure;
mod lines;

use std::{fs, io, path::Path};

use super::{
    document::Document,
    metrics::{Metric, count, number},
    results::{Outcome, WindowOutcome},
    scenario::{MEASURED, Scenario},
    tree::Tree,
};
use axis::{Axis, nines_of};
use canvas::{GREY, INK, color};
use figure::{Band, Bars, Chart, Curve, Figure};
use lines::{Line, Moment, lines, per_point};

/// A plot that was written.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) file: String,
    pub(crate) title: String,
}

/// Writes all plots of a scenario into its folder, the one that tells most first.
pub(crate) fn save(document: &Document, outcomes: &[Outcome], folder: &Path) -> io::Result<Vec<Plot>> {
    let Some(base) = outcomes.first() else { return Ok(vec![]) };
    let lines = lines(document, outcomes);
    let plan = &document.plans[0].1;
    let mut figures = vec![("latency".to_owned(), latency(&lines, &plan.scenario))];
    figures.push(("goodput".to_owned(), goodput(&lines, &plan.scenario)));
    let pools = 0..base.pools.len();
    figures
        .extend(pools.map(|pool| (format!("seats_{}", base.pools[pool]), seats(base, pool, &plan.scenario))));
    if base.tenants.len() > 1 {
        figures.push(("shares".to_owned(), shares(document, base, &plan.editions[0].tree)));
    }
    figures.push(("percentiles".to_owned(), percentiles(&lines)));
    let telling = telling(document);
    figures.sort_by_key(|(name, _)| name != telling);
    let mut plots = vec![];
    for (name, mut figure) in figures {
        figure.title = format!("{}: {}", document.name, figure.title);
        let file = format!("{name}.svg");
        fs::write(folder.join(&file), figure.svg()?)?;
        plots.push(Plot { file, title: figure.title });
    }
    Ok(plots)
}

/// The plot that shows what a scenario states first.
fn telling(document: &Document) -> &'static str {
    match document.expect.first().map(|expect| expect.metric) {
        Some(Metric::Share | Metric::Jain) if document.plans[0].1.tenants.len() > 1 => "shares",
        Some(Metric::Goodput | Metric::CostGoodput) => "goodput",
        _ => "latency",
    }
}

/// Median and 99th percentile, one above the other.
fn latency(lines: &[Line<'_>], scenario: &Scenario) -> Figure {
    let chart = |label: &str, value: &dyn Fn(&Moment) -> Option<f64>| {
        let chart = by_time(lines, scenario, value);
        let values = chart.curves.iter().flat_map(|curve| curve.points.iter().flatten());
        let y = Axis::log(format!("{label}, ms (logarithmic)"), values.map(|point| point.1));
        Chart { y, ..chart }
    };
    let charts =
        vec![chart("p50 of latency", &|moment| moment.p50), chart("p99 of latency", &|moment| moment.p99)];
    Figure { title: "latency over time, from arrival to answer".to_owned(), charts, bands: bands(scenario) }
}

fn goodput(lines: &[Line<'_>], scenario: &Scenario) -> Figure {
    let chart = by_time(lines, scenario, &|moment| Some(moment.goodput));
    let most = chart.curves.iter().flat_map(|curve| curve.points.iter().flatten());
    let most = most.map(|point| point.1).fold(0.0, f64::max);
    let chart = Chart { y: Axis::linear("successful answers per second", 0.0, most * 1.08), ..chart };
    Figure { title: "goodput over time".to_owned(), charts: vec![chart], bands: bands(scenario) }
}

/// One figure of each line by time; the vertical axis is for the caller to set.
fn by_time(lines: &[Line<'_>], scenario: &Scenario, value: &dyn Fn(&Moment) -> Option<f64>) -> Chart {
    let end = crate::span::Span(scenario.end()).seconds();
    let (x, unit) = Axis::time(end);
    let curve = |(at, line): (usize, &Line<'_>)| {
        let point = |moment: &Moment| value(moment).map(|value| (moment.at * unit, value));
        let points = line.moments(end).iter().map(point).collect();
        Curve { label: line.label.clone(), color: color(at), width: 2, points }
    };
    let curves = lines.iter().enumerate().map(curve).collect();
    Chart { x, y: Axis::linear("", 0.0, 1.0), curves, bars: vec![] }
}

/// What the pool's seats were, how many were taken, and how many waited for one: of the first seed, so that nothing is averaged away.
fn seats(base: &Outcome, pool: usize, scenario: &Scenario) -> Figure {
    let end = crate::span::Span(scenario.end()).seconds();
    let (x, unit) = Axis::time(end);
    let samples = base.series.first().map_or(&[][..], |series| &series.pools);
    let each = per_point(samples.len());
    let curve = |label: &str, at: usize, value: &dyn Fn(&crate::record::PoolSample) -> u32| {
        let point = |(chunk, samples): (usize, &[Vec<crate::record::PoolSample>])| {
            let sum: f64 = samples.iter().map(|pools| f64::from(value(&pools[pool]))).sum();
            let middle = (count(chunk * each) + count(samples.len() + 1) / 2.0) * base.sample_s;
            Some((middle * unit, sum / count(samples.len())))
        };
        let points = samples.chunks(each).enumerate().map(point).collect();
        Curve { label: label.to_owned(), color: color(at), width: 2, points }
    };
    let chart = |label: &str, curves: Vec<Curve>| {
        let most = curves.iter().flat_map(|curve| curve.points.iter().flatten());
        let most = most.map(|point| point.1).fold(1.0, f64::max);
        Chart { x: x.clone(), y: Axis::linear(label, 0.0, most * 1.08), curves, bars: vec![] }
    };
    let taken = curve("in flight", 5, &|pool| pool.in_flight);
    let capacity = Curve { color: INK, ..curve("capacity", 0, &|pool| pool.capacity) };
    let waiting = curve("waiting", 1, &|pool| pool.waiting);
    Figure {
        title: format!("seats of pool {} over time, seed 1", base.pools[pool]),
        charts: vec![chart("seats", vec![taken, capacity]), chart("requests that wait", vec![waiting])],
        bands: bands(scenario),
    }
}

/// Shares of what was served, by cost, beside max-min fair ones; for each window in which shares are expected.
fn shares(document: &Document, base: &Outcome, tree: &Tree) -> Figure {
    let stated = |window: &&WindowOutcome| {
        let mut of_base = document.expect.iter().filter(|expect| expect.variant.is_empty());
        of_base.any(|expect| expect.window == window.name && expect.metric == Metric::Share)
    };
    let mut windows: Vec<_> = base.windows.iter().filter(stated).take(2).collect();
    if windows.is_empty() {
        windows.extend(base.window(MEASURED));
    }
    let charts = windows.into_iter().map(|window| shares_in(window, base, tree)).collect();
    let others = base.tenants.len().saturating_sub(MOST_TENANTS);
    let title = "share of the served cost by tenant, beside its max-min fair share".to_owned();
    let title =
        if others > 0 { format!("{title} ({MOST_TENANTS} of {})", others + MOST_TENANTS) } else { title };
    Figure { title, charts, bands: vec![] }
}

fn shares_in(window: &WindowOutcome, base: &Outcome, tree: &Tree) -> Chart {
    let total: f64 = window.tallies.iter().map(|tally| number(tally.goodput_cost)).sum();
    let demand = |tally: &crate::record::Tally| {
        // Who always has somebody waiting would take any share.
        let insatiable = number(tally.backlogged) >= 0.95 * window.seconds * 1e9;
        if insatiable { f64::INFINITY } else { number(tally.offered_cost) }
    };
    let demands: Vec<f64> = window.tallies.iter().map(demand).collect();
    let fair = tree.fair_shares(&demands, total);
    let mut order: Vec<usize> = (0..base.tenants.len()).collect();
    order.sort_by_key(|&tenant| std::cmp::Reverse(window.tallies[tenant].offered_cost));
    order.truncate(MOST_TENANTS);
    let bars = |label: &str, color, from: f64, share: &dyn Fn(usize) -> f64| {
        let bar = |(place, &tenant): (usize, &usize)| {
            let left = count(place) + from;
            (left, left + 0.4, share(tenant) / total * 100.0)
        };
        Bars { label: label.to_owned(), color, bars: order.iter().enumerate().map(bar).collect() }
    };
    let bars = vec![
        bars("served", color(0), 0.1, &|tenant| number(window.tallies[tenant].goodput_cost)),
        bars("fair share", GREY, 0.5, &|tenant| fair[tenant]),
    ];
    let most = bars.iter().flat_map(|bars| &bars.bars).map(|bar| bar.2).fold(0.0, f64::max);
    let names: Vec<&str> = order.iter().map(|&tenant| base.tenants[tenant].0.as_str()).collect();
    let label = match window.name.as_str() {
        MEASURED => "share of the served cost, %".to_owned(),
        window => format!("share of the served cost, %, window {window}"),
    };
    Chart { x: Axis::names("tenant", &names), y: Axis::linear(label, 0.0, most * 1.08), curves: vec![], bars }
}

/// Latency by percentile over the measured span.
fn percentiles(lines: &[Line<'_>]) -> Figure {
    let curve = |(at, line): (usize, &Line<'_>)| {
        let tally = line.outcome.window(MEASURED).map(|window| &window.load_tallies[line.load]);
        let point = |step: u32| {
            let quantile = 1.0 - 10_f64.powf(-f64::from(step) / 20.0);
            let tally = tally.filter(|tally| tally.succeeded > 0)?;
            let latency = number(tally.latency.value_at_quantile(quantile)) / 1e3;
            Some((nines_of(quantile), latency))
        };
        // From the median, at 6/20, to three nines.
        Curve { label: line.label.clone(), color: color(at), width: 2, points: (6..=60).map(point).collect() }
    };
    let curves: Vec<_> = lines.iter().enumerate().map(curve).collect();
    let values = curves.iter().flat_map(|curve| curve.points.iter().flatten()).map(|point| point.1);
    let y = Axis::log("latency, ms (logarithmic)", values);
    let charts = vec![Chart { x: Axis::nines(), y, curves, bars: vec![] }];
    Figure { title: "latency by percentile, from arrival to answer".to_owned(), charts, bands: vec![] }
}

/// The measured span, and the scenario's windows.
fn bands(scenario: &Scenario) -> Vec<Band> {
    let unit = Axis::time(crate::span::Span(scenario.end()).seconds()).1;
    let band = |(name, window): (String, crate::scenario::Window)| Band {
        shaded: name != MEASURED,
        name,
        from: window.from.seconds() * unit,
        until: window.until.seconds() * unit,
    };
    let mut bands: Vec<Band> = scenario.all_windows().into_iter().map(band).collect();
    let order =
        |one: &Band, other: &Band| one.from.total_cmp(&other.from).then(other.until.total_cmp(&one.until));
    bands[1..].sort_by(order);
    bands
}

/// How many tenants one plot shows beside each other.
const MOST_TENANTS: usize = 100;

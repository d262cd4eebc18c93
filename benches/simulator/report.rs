//! What a scenario showed: on the terminal, as CSV, and as a page.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    document::Document,
    expect::{Expect, Verdict},
    metrics::{Metric, Selector},
    plots::{self, Plot},
    results::{Outcome, WindowOutcome},
    scenario::MEASURED,
};

/// Prints the tables.
pub(crate) fn tell(document: &Document, outcomes: &[Outcome], verdicts: &[(&Expect, Verdict)]) {
    let Rows { head, rows } = tenant_rows(outcomes);
    print!("{}", table(&head, &rows));
    println!();
    for outcome in outcomes {
        for breach in &outcome.breaches {
            println!("   BROKEN  {} [{}] {breach}", document.name, outcome.label());
        }
    }
    let broken: u64 = outcomes.iter().map(|outcome| outcome.breach_count).sum();
    let steps: u64 = outcomes.iter().map(|outcome| outcome.steps).sum();
    let requests: u64 = outcomes.iter().map(|outcome| outcome.requests).sum();
    let drift = outcomes.iter().map(|outcome| outcome.worst_drift).fold(0.0, f64::max);
    println!(
        "   {requests} requests, {steps} steps, {broken} breaches of invariants; worst drift {:.0} % of the fair-share bound",
        drift * 100.0
    );
    for (expect, verdict) in verdicts {
        let word = if verdict.holds { "ok     " } else { "FAILED " };
        println!(
            "   {word} {} = {} ({})",
            verdict.statement,
            expect.metric.show(verdict.found),
            verdict.bounds
        );
    }
}

/// Writes everything to `<target>/simulator/<scenario>/`; gives the plots that it drew.
pub(crate) fn save(
    document: &Document,
    outcomes: &[Outcome],
    verdicts: &[(&Expect, Verdict)],
) -> io::Result<Vec<Plot>> {
    let folder = folder().join(&document.name);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("tenants.csv"), tenants_csv(outcomes))?;
    fs::write(folder.join("series.csv"), series_csv(outcomes))?;
    let plots = plots::save(document, outcomes, &folder)?;
    fs::write(folder.join("report.md"), page(document, outcomes, verdicts, &plots))?;
    Ok(plots)
}

/// Where everything goes.
pub(crate) fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
        .join("simulator")
}

/// A head and rows, for the terminal and the page.
struct Rows {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

const COLUMNS: [(&str, Metric); 11] = [
    ("offered", Metric::Offered),
    ("success", Metric::Success),
    ("failed", Metric::Failed),
    ("rejected", Metric::Rejected),
    ("gave up", Metric::GaveUp),
    ("goodput/s", Metric::Goodput),
    ("share", Metric::Share),
    ("wait p99", Metric::WaitP99),
    ("p50", Metric::P50),
    ("p99", Metric::P99),
    ("p99.9", Metric::P999),
];

/// The measured window: each variant's total, and its tenants with the most demand.
fn tenant_rows(outcomes: &[Outcome]) -> Rows {
    let head =
        ["variant", "tenant"].into_iter().chain(COLUMNS.iter().map(|(name, _)| *name)).chain(["seats"]);
    let mut rows = vec![];
    for outcome in outcomes {
        let Some(window) = outcome.window(MEASURED) else { continue };
        for (at, tenant) in std::iter::once("*".to_owned()).chain(busiest(outcome, window)).enumerate() {
            let figure =
                |metric: Metric| metric.show(outcome.figure(&Selector::of_tenant(MEASURED, &tenant, metric)));
            let label = if at == 0 { outcome.label() } else { "" };
            let name = if at == 0 { "all" } else { &tenant };
            let mut row = vec![label.to_owned(), name.to_owned()];
            row.extend(COLUMNS.iter().map(|(_, metric)| figure(*metric)));
            let seats = || {
                format!(
                    "{} [{}, {}]",
                    figure(Metric::SeatsMean),
                    figure(Metric::SeatsLeast),
                    figure(Metric::SeatsMost)
                )
            };
            row.push(if at == 0 { seats() } else { String::new() });
            rows.push(row);
        }
    }
    Rows { head: head.map(str::to_owned).collect(), rows }
}

/// The names of the tenants that asked for most, if there are several.
fn busiest(outcome: &Outcome, window: &WindowOutcome) -> Vec<String> {
    let mut order: Vec<usize> = (0..outcome.tenants.len()).collect();
    if order.len() < 2 {
        return vec![];
    }
    order.sort_by_key(|&at| std::cmp::Reverse(window.tallies[at].offered));
    order.into_iter().take(MOST_SHOWN).map(|at| outcome.tenants[at].0.clone()).collect()
}

/// For the terminal.
pub(crate) fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let all = || std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in all() {
        let cell = |(at, cell): (usize, &String)| {
            let width = widths[at];
            if at < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        let cells: Vec<_> = row.iter().enumerate().map(cell).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "   {}", cells.join("  ").trim_end());
    }
    text
}

fn markdown(Rows { head, rows }: &Rows) -> String {
    let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    std::iter::once(line(head)).chain([rule]).chain(rows.iter().map(line)).collect()
}

/// Every tenant of every window of every variant. Times in milliseconds.
fn tenants_csv(outcomes: &[Outcome]) -> String {
    let mut text = "variant,window,tenant,weight,offered,admitted,succeeded,failed,gave_up,rejected,rejections,goodput_per_s,\
                    cost_per_s,share,wait_p50_ms,wait_p99_ms,p50_ms,p90_ms,p99_ms,p999_ms,backlogged_s\n"
        .to_owned();
    for outcome in outcomes {
        for window in &outcome.windows {
            (0..outcome.tenants.len()).for_each(|at| text.push_str(&tenant_line(outcome, window, at)));
        }
    }
    text
}

fn tenant_line(outcome: &Outcome, window: &WindowOutcome, at: usize) -> String {
    let (tenant, weight) = &outcome.tenants[at];
    let tally = &window.tallies[at];
    let figure = |metric| outcome.figure(&Selector::of_tenant(&window.name, tenant, metric));
    let codes: Vec<_> = tally.rejected.iter().map(|(code, count)| format!("{code}={count}")).collect();
    let mut line = format!("{},{},{tenant},{weight},", outcome.variant, window.name);
    let counts =
        [tally.offered, tally.admitted, tally.succeeded, tally.failed, tally.gave_up, tally.all_rejected()];
    counts.iter().for_each(|count| line.push_str(&format!("{count},")));
    let _ = write!(line, "{},", codes.join(" "));
    for metric in [Metric::Goodput, Metric::CostGoodput, Metric::Share] {
        let _ = write!(line, "{:.5},", figure(metric));
    }
    for metric in [Metric::WaitP50, Metric::WaitP99, Metric::P50, Metric::P90, Metric::P99, Metric::P999] {
        let _ = write!(line, "{:.3},", figure(metric) * 1e3);
    }
    let _ = writeln!(line, "{:.3}", crate::metrics::number(tally.backlogged) / 1e9);
    line
}

/// Every pool and load at every step.
fn series_csv(outcomes: &[Outcome]) -> String {
    let mut text =
        "variant,seed,time_s,what,name,capacity,in_flight,waiting,succeeded,cost,p50_ms,p99_ms\n".to_owned();
    for outcome in outcomes {
        for series in &outcome.series {
            let start = |step: usize| {
                format!(
                    "{},{},{:.3}",
                    outcome.variant,
                    series.seed,
                    crate::metrics::count(step + 1) * outcome.sample_s
                )
            };
            for (step, pools) in series.pools.iter().enumerate() {
                for (name, pool) in outcome.pools.iter().zip(pools) {
                    let _ = writeln!(
                        text,
                        "{},pool,{name},{},{},{},,,,",
                        start(step),
                        pool.capacity,
                        pool.in_flight,
                        pool.waiting
                    );
                }
            }
            for (step, loads) in series.loads.iter().enumerate() {
                for (name, load) in outcome.loads.iter().zip(loads) {
                    let mut sorted = load.latencies.clone();
                    sorted.sort_unstable();
                    let (p50, p99) = (quantile_ms(&sorted, 50), quantile_ms(&sorted, 99));
                    let _ = writeln!(
                        text,
                        "{},load,{name},,,,{},{},{p50},{p99}",
                        start(step),
                        load.succeeded,
                        load.cost
                    );
                }
            }
        }
    }
    text
}

/// A quantile of sorted microseconds, in milliseconds; nothing where there is nothing.
fn quantile_ms(sorted: &[u32], percent: usize) -> String {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or_else(String::new, |&micros| format!("{:.3}", f64::from(micros) / 1e3))
}

fn page(
    document: &Document,
    outcomes: &[Outcome],
    verdicts: &[(&Expect, Verdict)],
    plots: &[Plot],
) -> String {
    let scenario = &document.plans[0].1.scenario;
    let mut text = format!("# {}\n\n{}\n\n{}\n", document.name, scenario.title, scenario.about.trim());
    if !verdicts.is_empty() {
        text.push_str("\n## Expected\n\n| | statement | found | bounds |\n|---|---|---|---|\n");
    }
    for (expect, verdict) in verdicts {
        let word = if verdict.holds { "ok" } else { "**FAILED**" };
        let _ = writeln!(
            text,
            "| {word} | {} | {} | {} |",
            verdict.statement,
            expect.metric.show(verdict.found),
            verdict.bounds
        );
    }
    let _ = write!(text, "\n## Found\n\n{}", markdown(&tenant_rows(outcomes)));
    for Plot { file, title } in plots {
        let _ = writeln!(text, "\n![{title}]({file})");
    }
    text.push_str("\n## Invariants\n\n| variant | requests | steps | breaches | worst drift, of the fair-share bound |\n|---|---|---|---|---|\n");
    for outcome in outcomes {
        let Outcome { requests, steps, breach_count, worst_drift, .. } = outcome;
        let _ = writeln!(
            text,
            "| {} | {requests} | {steps} | {breach_count} | {:.1} % |",
            outcome.label(),
            worst_drift * 100.0
        );
    }
    for breach in outcomes.iter().flat_map(|outcome| &outcome.breaches) {
        let _ = writeln!(text, "\n- {breach}");
    }
    text
}

const MOST_SHOWN: usize = 8;

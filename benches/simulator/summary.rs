//! All scenarios together: a table on the terminal, and `report.md` above their own pages.

use std::{fmt::Write as _, fs, io, path::PathBuf};

use super::{
    document::Document,
    expect::{Expect, Verdict},
    plots::Plot,
    report::{folder, table},
    results::Outcome,
};

/// What one scenario comes down to.
#[derive(Debug)]
pub(crate) struct Summary {
    name: String,
    title: String,
    /// Statement, found, bounds, and whether it holds.
    statements: Vec<(String, String, String, bool)>,
    variants: usize,
    requests: u64,
    steps: u64,
    pub(crate) breaches: u64,
    worst_drift: f64,
    seconds: f64,
    plot: Option<Plot>,
}

impl Summary {
    pub(crate) fn new(document: &Document, outcomes: &[Outcome], verdicts: &[(&Expect, Verdict)]) -> Self {
        let statement = |(expect, verdict): &(&Expect, Verdict)| {
            let Verdict { statement, found, bounds, holds } = verdict;
            (statement.clone(), expect.metric.show(*found), bounds.clone(), *holds)
        };
        Self {
            name: document.name.clone(),
            title: document.plans[0].1.scenario.title.clone(),
            statements: verdicts.iter().map(statement).collect(),
            variants: outcomes.len(),
            requests: outcomes.iter().map(|outcome| outcome.requests).sum(),
            steps: outcomes.iter().map(|outcome| outcome.steps).sum(),
            breaches: outcomes.iter().map(|outcome| outcome.breach_count).sum(),
            worst_drift: outcomes.iter().map(|outcome| outcome.worst_drift).fold(0.0, f64::max),
            seconds: 0.0,
            plot: None,
        }
    }

    /// How long it took, and its first plot.
    pub(crate) fn with(self, seconds: f64, plots: Vec<Plot>) -> Self {
        Self { seconds, plot: plots.into_iter().next(), ..self }
    }

    /// Whether all holds that was expected, and no invariant was broken.
    pub(crate) fn holds(&self) -> bool {
        self.breaches == 0 && self.held() == self.statements.len()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn held(&self) -> usize {
        self.statements.iter().filter(|statement| statement.3).count()
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            if self.holds() { "ok" } else { "FAILED" }.to_owned(),
            self.requests.to_string(),
            self.steps.to_string(),
            format!("{} of {}", self.held(), self.statements.len()),
            self.breaches.to_string(),
            format!("{:.0} %", self.worst_drift * 100.0),
            format!("{:.1}", self.seconds),
        ]
    }
}

/// One line for each scenario, and one for all.
pub(crate) fn closing_table(summaries: &[Summary]) -> String {
    let head = ["scenario", "", "requests", "steps", "expected holds", "breaches", "worst drift", "seconds"];
    let (held, all) = summaries
        .iter()
        .fold((0, 0), |(held, all), summary| (held + summary.held(), all + summary.statements.len()));
    let sum = |value: &dyn Fn(&Summary) -> u64| summaries.iter().map(value).sum::<u64>().to_string();
    let total = vec![
        "all".to_owned(),
        String::new(),
        sum(&|summary| summary.requests),
        sum(&|summary| summary.steps),
        format!("{held} of {all}"),
        sum(&|summary| summary.breaches),
        String::new(),
        format!("{:.1}", summaries.iter().map(|summary| summary.seconds).sum::<f64>()),
    ];
    let rows: Vec<_> = summaries.iter().map(Summary::row).chain([total]).collect();
    table(&head.map(str::to_owned), &rows)
}

/// Writes the report over all scenarios of this call.
pub(crate) fn save(summaries: &[Summary], seeds: u64) -> io::Result<PathBuf> {
    let path = folder().join("report.md");
    fs::write(&path, page(summaries, seeds))?;
    Ok(path.canonicalize().unwrap_or(path))
}

fn page(summaries: &[Summary], seeds: u64) -> String {
    let broken: Vec<_> = summaries.iter().filter(|summary| !summary.holds()).map(Summary::name).collect();
    let verdict = match broken.as_slice() {
        [] => "Everything that was expected holds, and no invariant was broken.".to_owned(),
        names => format!("**Not everything holds: {}.**", names.join(", ")),
    };
    let mut text = format!("# Simulated scenarios\n\n{verdict} Each variant ran with {seeds} seeds.");
    if let Some(peak) = peak_memory() {
        let _ = write!(text, " The simulator took {peak} at most.");
    }
    text.push_str("\n\n## Expected\n\n| scenario | what | found | bound | |\n|---|---|---|---|---|\n");
    for summary in summaries {
        for (statement, found, bounds, holds) in &summary.statements {
            let word = if *holds { "ok" } else { "**FAILED**" };
            let _ =
                writeln!(text, "| [{0}](#{0}) | {statement} | {found} | {bounds} | {word} |", summary.name);
        }
    }
    text.push_str(
        "\n## Invariants\n\nChecked at every step; a breach is a step after which one did not hold. ",
    );
    text.push_str("The drift is between any two siblings that wait, by the bound of fair sharing.\n\n");
    text.push_str("| scenario | variants | requests | steps | breaches | worst drift | seconds |\n|---|---|---|---|---|---|---|\n");
    for summary in summaries {
        let Summary { name, variants, requests, steps, breaches, worst_drift, seconds, .. } = summary;
        let drift = worst_drift * 100.0;
        let _ = writeln!(
            text,
            "| {name} | {variants} | {requests} | {steps} | {breaches} | {drift:.1} % | {seconds:.1} |"
        );
    }
    for summary in summaries {
        let Summary { name, title, plot, .. } = summary;
        let _ = write!(text, "\n## {name}\n\n{title}. [All of it]({name}/report.md)\n");
        if let Some(Plot { file, title }) = plot {
            let _ = write!(text, "\n[![{title}]({name}/{file})]({name}/report.md)\n");
        }
    }
    text
}

/// The most memory that this process had at any time, where the system tells.
pub(crate) fn peak_memory() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(format!("{} MiB of memory", kilobytes / 1_024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(name: &str, holds: bool, breaches: u64) -> Summary {
        Summary {
            name: name.to_owned(),
            title: "A title".to_owned(),
            statements: vec![("p99 of a".to_owned(), "3 ms".to_owned(), "≤ 2 ms".to_owned(), holds)],
            variants: 1,
            requests: 10,
            steps: 20,
            breaches,
            worst_drift: 0.5,
            seconds: 1.0,
            plot: Some(Plot { file: "latency.svg".to_owned(), title: "latency".to_owned() }),
        }
    }

    #[test]
    fn the_report_names_what_does_not_hold_and_links_every_page() {
        let text = page(&[summary("good", true, 0), summary("bad", false, 0), summary("worse", true, 3)], 4);
        assert!(text.contains("**Not everything holds: bad, worse.**"), "{text}");
        assert!(text.contains("| [bad](#bad) | p99 of a | 3 ms | ≤ 2 ms | **FAILED** |"), "{text}");
        assert!(text.contains("| worse | 1 | 10 | 20 | 3 | 50.0 % | 1.0 |"), "{text}");
        assert!(text.contains("[![latency](good/latency.svg)](good/report.md)"), "{text}");
        assert!(page(&[summary("good", true, 0)], 4).contains("Everything that was expected holds"));
    }

    #[test]
    fn the_closing_table_counts_all() {
        let text = closing_table(&[summary("good", true, 0), summary("bad", false, 1)]);
        let last = text.lines().last().expect("a line for all");
        assert_eq!(
            last.split_whitespace().collect::<Vec<_>>(),
            ["all", "20", "40", "1", "of", "2", "1", "2.0"]
        );
    }
}

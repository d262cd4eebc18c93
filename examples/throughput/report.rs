//! What came of it: medians, and how Tenantry stands to the others.

use std::{
    fmt::{self, Display, Formatter, Write},
    time::Duration,
};

use crate::{
    systems::{SYSTEMS, System},
    wrk::Served,
};

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Processor time per request, in microseconds.
    cpu: f64,
    per_second: f64,
    megabytes: f64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<(System, Measured)>);

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "requests of seconds")]
    pub(crate) fn new(served: Served, cpu: Duration, kilobytes: u64) -> Self {
        Self {
            cpu: cpu.as_secs_f64() * 1e6 / served.requests.max(1) as f64,
            per_second: served.per_second,
            megabytes: kilobytes as f64 / 1024.0,
        }
    }
}

impl Display for Measured {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { cpu, per_second, megabytes } = self;
        write!(f, "{cpu:5.1} µs CPU/request  {per_second:7.0} requests/s  {megabytes:5.1} MB")
    }
}

impl Report {
    pub(crate) fn add(&mut self, system: System, measured: Measured) {
        self.0.push((system, measured));
    }

    /// As markdown; ratios are medians of the quotients within a round.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from(
            "| proxy | CPU µs/request | requests/s | resident MB | Tenantry's CPU over its | by make pgo |\n|---|---:|---:|---:|---:|---:|\n",
        );
        for system in SYSTEMS {
            let of = |figure: fn(&Measured) -> f64| median(self.of(system).map(figure).collect());
            let (Some(cpu), Some(per_second), Some(megabytes)) =
                (of(|one| one.cpu), of(|one| one.per_second), of(|one| one.megabytes))
            else {
                continue;
            };
            let (name, [ratio, trained]) =
                (system.name(), [System::Tenantry, System::Trained].map(|ours| self.ratio(ours, system)));
            // Infallible: it is text.
            writeln!(table, "| {name} | {cpu:.1} | {per_second:.0} | {megabytes:.1} | {ratio} | {trained} |")
                .ok();
        }
        table
    }

    /// What one takes over what another does, where both were measured.
    fn ratio(&self, one: System, other: System) -> String {
        let quotients = self.of(one).zip(self.of(other)).map(|(one, other)| one.cpu / other.cpu);
        median(quotients.collect()).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}×"))
    }

    /// Every measurement.
    pub(crate) fn csv(&self) -> String {
        let mut csv = String::from("proxy,cpu_us_per_request,requests_per_second,resident_mb\n");
        for (system, Measured { cpu, per_second, megabytes }) in &self.0 {
            // Infallible: it is text.
            writeln!(csv, "\"{}\",{cpu:.2},{per_second:.0},{megabytes:.1}", system.name()).ok();
        }
        csv
    }

    fn of(&self, system: System) -> impl Iterator<Item = &Measured> {
        self.0.iter().filter(move |(of, _)| *of == system).map(|(_, measured)| measured)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

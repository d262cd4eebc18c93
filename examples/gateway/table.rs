//! The demo's table: what the balancer and the meter know of each tenant.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use hdrhistogram::Histogram;
use tenantry::{Stats, TenantStats};

use crate::meter::Reading;

/// Draws the table again and again: in place on a terminal, one below the other elsewhere.
#[derive(Debug)]
pub struct Table {
    in_place: bool,
    lines: usize,
}

impl Table {
    /// A table for a terminal (`in_place`) or a log.
    #[must_use]
    pub const fn new(surface: Surface) -> Self {
        Self { in_place: matches!(surface, Surface::Terminal), lines: 0 }
    }

    /// Draws what was measured over `span`.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn draw(
        &mut self,
        out: &mut impl Write,
        stats: &Stats,
        readings: &BTreeMap<String, Reading>,
        span: Duration,
    ) -> io::Result<()> {
        if self.in_place && self.lines > 0 {
            write!(out, "\x1b[{}A\x1b[J", self.lines)?;
        }
        // By name: the balancer lists the busiest first, and rows that trade places are hard to read.
        let mut tenants: Vec<&TenantStats> = stats.tenants().iter().collect();
        tenants.sort_by_key(|tenant| tenant.id());
        let rows: Vec<String> = tenants.into_iter().map(|tenant| row(tenant, readings, span)).collect();
        writeln!(out, "{HEAD}")?;
        for row in &rows {
            writeln!(out, "{row}")?;
        }
        writeln!(out)?;
        self.lines = rows.len() + 2;
        out.flush()
    }
}

/// What a table is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Surface {
    /// Understands the escape sequences that move a cursor.
    Terminal,
    /// Does not: a file, a pipe.
    Log,
}

fn row(tenant: &TenantStats, readings: &BTreeMap<String, Reading>, span: Duration) -> String {
    let reading = readings.get(tenant.id());
    let served = reading.map_or(0, |reading| reading.served.len());
    let quantile = |q| reading.map_or_else(dash, |reading| millis(&reading.served, q));
    format!(
        "{:<12}{:>9.1}{:>11}{:>9}{:>10}{:>10}{:>10}",
        tenant.id().chars().take(11).collect::<String>(),
        per_second(served, span),
        tenant.in_flight(),
        tenant.waiting(),
        tenant.rejected(),
        quantile(0.5),
        quantile(0.99),
    )
}

/// A quantile in milliseconds, or a dash where nothing was measured.
#[must_use]
pub fn millis(latencies: &Histogram<u64>, quantile: f64) -> String {
    if latencies.is_empty() {
        return dash();
    }
    let micros = latencies.value_at_quantile(quantile);
    format!("{}.{}", micros / 1000, micros % 1000 / 100)
}

/// So many in a span, per second.
#[must_use]
pub fn per_second(count: u64, span: Duration) -> f64 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    f64::from(count) / span.as_secs_f64().max(f64::EPSILON)
}

fn dash() -> String {
    "-".to_owned()
}

const HEAD: &str = "tenant         rate/s  in flight  waiting  rejected    p50 ms    p99 ms";

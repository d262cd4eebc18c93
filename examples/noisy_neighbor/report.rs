//! The table, the targets, CSV and a plot.

use std::{error::Error, fmt, fmt::Write as _, fs, io, path::Path, time::Duration};

use gateway_parts::{open_loop::Tally, upstream};
use plotters::prelude::{
    BLACK, Color, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};

use crate::{
    proxies::System,
    scenario::{ABOVE, ALONE, BELOW, BOTH, Measured, Scenario, success},
};

/// All that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    capacity: f64,
    measured: Vec<Measured>,
}

impl Report {
    pub(crate) const fn new(capacity: f64) -> Self {
        Self { capacity, measured: Vec::new() }
    }

    pub(crate) fn add(&mut self, measured: Measured) {
        self.measured.push(measured);
    }

    /// Writes `table.md`, `results.csv` and `plot.svg`.
    pub(crate) fn save(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("table.md"), self.to_string())?;
        fs::write(folder.join("results.csv"), self.csv())?;
        self.plot(&folder.join("plot.svg")).map_err(|error| io::Error::other(error.to_string()))
    }

    /// Each system once, in the order in which they were measured.
    fn systems(&self) -> Vec<System> {
        let mut systems: Vec<System> = Vec::new();
        for Measured { system, .. } in &self.measured {
            if systems.iter().all(|seen| seen.name != system.name) {
                systems.push(*system);
            }
        }
        systems
    }

    /// The median over rounds of what is read off each.
    fn median(
        &self,
        system: System,
        scenario: Scenario,
        read: impl Fn(&Measured) -> Option<f64>,
    ) -> Option<f64> {
        let of = |measured: &&Measured| measured.system.name == system.name && measured.scenario == scenario;
        let mut values: Vec<f64> = self.measured.iter().filter(of).filter_map(read).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn row(&self, system: System) -> Row {
        let total = |scenario| self.median(system, scenario, |measured| Some(measured.goodput()));
        let victim = |scenario, read: fn(&Tally) -> Option<f64>| {
            self.median(system, scenario, |measured| measured.victim.as_ref().and_then(read))
        };
        Row {
            alone_p99: victim(ALONE, |tally| quantile(tally, 0.99)),
            success: victim(BOTH, |tally| Some(success(tally))),
            p50: victim(BOTH, |tally| quantile(tally, 0.5)),
            p99: victim(BOTH, |tally| quantile(tally, 0.99)),
            aggressor: self.median(system, BOTH, Measured::aggressor_goodput),
            total: total(BOTH),
            below: total(BELOW),
            below_success: self.median(system, BELOW, |measured| measured.aggressor.as_ref().map(success)),
            above: total(ABOVE),
        }
    }

    /// Whether Tenantry does what it must, line by line.
    fn targets(&self, row: &Row, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = upstream::WORK.as_secs_f64() * 1e3;
        let p99 = row.alone_p99.map_or(f64::NAN, |alone| alone + service);
        let enough = self.capacity * 0.98;
        writeln!(f, "\n| Tenantry must | at | found | |\n|---|---:|---:|---|")?;
        for (what, goal, found, good) in [
            ("serve the victim, %", 100.0, row.success, Sense::AtLeast),
            ("keep its p99, ms: what it is alone + 20", p99, row.p99, Sense::AtMost),
            ("waste nothing: total of both, /s", enough, row.total, Sense::AtLeast),
            ("serve the aggressor alone at 0.95×, %", 100.0, row.below_success, Sense::AtLeast),
            ("serve the aggressor alone at 2×, /s", enough, row.above, Sense::AtLeast),
        ] {
            let holds = found.is_some_and(|found| match good {
                Sense::AtLeast => found >= goal,
                Sense::AtMost => found <= goal,
            });
            let verdict = if holds { "pass" } else { "**FAIL**" };
            let sign = match good {
                Sense::AtLeast => "≥",
                Sense::AtMost => "≤",
            };
            writeln!(f, "| {what} | {sign} {goal:.1} | {} | {verdict} |", figure(found))?;
        }
        Ok(())
    }

    fn csv(&self) -> String {
        let mut lines = String::from(
            "system,scenario,tenant,due,served,refused,timed_out,broken,unsent,p50_ms,p99_ms,late_p99_ms,proxy_cores,proxy_us_each,load\n",
        );
        for measured in &self.measured {
            let Measured { system, scenario, cores, cpu_each, load, .. } = measured;
            for (tenant, tally) in [("victim", &measured.victim), ("aggressor", &measured.aggressor)] {
                let Some(tally) = tally else { continue };
                let Tally { served, refused, timed_out, broken, unsent, late, .. } = tally;
                let [p50, p99] =
                    [0.5, 0.99].map(|q| quantile(tally, q).map_or_else(String::new, |ms| ms.to_string()));
                let late = Duration::from_micros(late.value_at_quantile(0.99)).as_secs_f64() * 1e3;
                let line = format!(
                    "\"{}\",{},{tenant},{},{},{refused},{timed_out},{broken},{unsent},{p50},{p99},{late:.3},{cores:.3},{:.1},{load}",
                    system.name,
                    scenario.name,
                    tally.due(),
                    served.len(),
                    cpu_each.as_secs_f64() * 1e6,
                );
                lines.push_str(&line);
                lines.push('\n');
            }
        }
        lines
    }

    /// Three figures for each system, as bars: the victim's success, its p99, and what is made of the capacity.
    fn plot(&self, path: &Path) -> Result<(), Box<dyn Error + '_>> {
        let systems = self.systems();
        let height = 120 + 46 * u32::try_from(systems.len())?;
        let area = SVGBackend::new(path, (1240, height)).into_drawing_area();
        area.fill(&WHITE)?;
        let text = |words: String, at: (i32, i32), size: i32| {
            area.draw(&Text::new(words, at, ("sans-serif", size).into_font().color(&BLACK)))
        };
        text(
            "A victim asks 100/s, an aggressor 6000/s, of upstreams that can do 600/s".into(),
            (20, 14),
            22,
        )?;
        for (words, x) in
            [("victim served", 250), ("victim's p99, ms", 520), ("served per second: victim, aggressor", 830)]
        {
            text(words.into(), (x, 56), 15)?;
        }
        let bar = |x: i32, y: i32, width: f64, color: RGBColor| {
            #[expect(clippy::cast_possible_truncation, reason = "pixels of a small picture")]
            let right = x + width.round() as i32;
            area.draw(&Rectangle::new([(x, y), (right, y + 24)], color.filled())).map(|()| right)
        };
        for (y, system) in (84..).step_by(46).zip(&systems) {
            let row = self.row(*system);
            text(system.name.into(), (20, y + 5), 15)?;
            let success = row.success.unwrap_or_default();
            let end = bar(250, y, success * 1.8, if success >= 99.95 { GOOD } else { BAD })?;
            text(format!("{success:.0} %"), (end + 6, y + 5), 14)?;
            match row.p99 {
                Some(p99) => {
                    let end = bar(520, y, p99 * 0.22, NEUTRAL)?;
                    text(format!("{p99:.0}"), (end + 6, y + 5), 14)?;
                }
                None => text("nothing is served".into(), (520, y + 5), 14)?,
            }
            let (total, aggressor) = (row.total.unwrap_or_default(), row.aggressor.unwrap_or_default());
            let end = bar(830, y, (total - aggressor) * PER_REQUEST, GOOD)?;
            let end = bar(end, y, aggressor * PER_REQUEST, NEUTRAL)?;
            text(format!("{total:.0}"), (end + 6, y + 5), 14)?;
        }
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a small picture")]
        let full = 830 + (self.capacity * PER_REQUEST).round() as i32;
        let bottom = i32::try_from(height)? - 36;
        area.draw(&PathElement::new([(full, 76), (full, bottom)], BLACK.stroke_width(1)))?;
        text(format!("all they can do: {:.0}/s", self.capacity), (full - 130, bottom + 6), 13)?;
        area.present()?;
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Sense {
    AtLeast,
    AtMost,
}

/// One system's figures: of the victim in percent and milliseconds, the others per second.
struct Row {
    alone_p99: Option<f64>,
    success: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    aggressor: Option<f64>,
    total: Option<f64>,
    below: Option<f64>,
    below_success: Option<f64>,
    above: Option<f64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Capacity {:.0}/s. Victim 100/s, aggressor 6000/s.\n", self.capacity)?;
        let mut head =
            String::from("| system | victim's p99 alone, ms | served beside the aggressor, % | p50 | p99 ");
        head.push_str(
            "| aggressor /s | total, % of capacity | aggressor alone at 0.95×, /s (served) | at 2×, /s |",
        );
        writeln!(f, "{head}\n|---|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for system in self.systems() {
            let row = self.row(system);
            let share = row.total.map(|total| 100.0 * total / self.capacity);
            let mut line = format!("| {} ", system.name);
            for value in [row.alone_p99, row.success, row.p50, row.p99, row.aggressor, share] {
                write!(line, "| {} ", figure(value))?;
            }
            let (below, served) = (figure(row.below), figure(row.below_success));
            writeln!(f, "{line}| {below} ({served} %) | {} |", figure(row.above))?;
        }
        match self.systems().into_iter().find(System::is_tenantry) {
            Some(system) => self.targets(&self.row(system), f),
            None => Ok(()),
        }
    }
}

/// In milliseconds; none where nothing was served.
fn quantile(tally: &Tally, quantile: f64) -> Option<f64> {
    let micros = tally.served.value_at_quantile(quantile);
    (!tally.served.is_empty()).then(|| Duration::from_micros(micros).as_secs_f64() * 1e3)
}

fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
}

const PER_REQUEST: f64 = 0.55;
const GOOD: RGBColor = RGBColor(46, 139, 87);
const BAD: RGBColor = RGBColor(200, 60, 50);
const NEUTRAL: RGBColor = RGBColor(120, 140, 170);

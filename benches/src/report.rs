//! Tables on the terminal, the same figures as CSV, and plots as SVG.
#![expect(clippy::print_stdout, reason = "a bench prints what it found")]

use std::fs;
use std::path::PathBuf;

use plotters::prelude::{
    BLACK, ChartBuilder, Color, DrawingAreaErrorKind, IntoDrawingArea, IntoLogRange, IntoSegmentedCoord,
    Palette, Palette99, PathElement, Rectangle, SVGBackend, SegmentValue, WHITE,
};

/// Figures in rows and columns, under one question.
#[derive(Debug)]
pub struct Table {
    question: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(question: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { question: question.into(), columns, rows: Vec::new() }
    }

    /// Appends a row.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Prints it, with what stands under it.
    pub fn print(&self, notes: &[&str]) {
        heading(&self.question);
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.columns]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        let line = |row: &[String]| {
            let cell = |(at, cell): (usize, &String)| match at {
                0 => format!("{cell:<width$}", width = widths[at]),
                _ => format!("{cell:>width$}", width = widths[at]),
            };
            row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")
        };
        println!("{}", line(&self.columns));
        println!("{}", "─".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)));
        self.rows.iter().for_each(|row| println!("{}", line(row).trim_end()));
        notes.iter().for_each(|note| println!("  {note}"));
    }

    /// Writes it to `<target>/bench/<name>.csv`.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    pub fn save(&self, name: &str) {
        let quoted = |row: &Vec<String>| {
            let cells = row.iter().map(|cell| format!("\"{}\"", cell.trim().replace('"', "\"\"")));
            cells.collect::<Vec<_>>().join(",")
        };
        let lines: Vec<_> = std::iter::once(&self.columns).chain(&self.rows).map(quoted).collect();
        let path = folder().join(name).with_extension("csv");
        fs::write(&path, lines.join("\n") + "\n").expect("the target folder can be written");
    }
}

/// Prints what the lines below are about.
pub fn heading(text: &str) {
    println!("\n== {text}");
}

/// Prints one line of progress.
pub fn progress(text: &str) {
    println!("   … {text}");
}

/// Prints where the files went.
pub fn saved() {
    let folder = folder();
    println!("\nCSV and SVG: {}", folder.canonicalize().unwrap_or(folder).display());
}

/// A figure with the digits that mean something, or a dash.
#[must_use]
pub fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// A ratio, or a dash.
#[must_use]
pub fn times(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}×"))
}

/// A count of tenants in few letters.
#[must_use]
pub fn short(count: usize) -> String {
    match count {
        1_000_000.. => format!("{}M", count / 1_000_000),
        1_000.. => format!("{}k", count / 1_000),
        _ => count.to_string(),
    }
}

/// Some named figures of one situation, for [`plot`].
#[derive(Debug)]
pub struct Group {
    name: String,
    bars: Vec<(String, f64)>,
}

impl Group {
    /// The bars of one situation; every group of a plot has the same ones in the same order.
    #[must_use]
    pub fn new(name: impl Into<String>, bars: Vec<(String, f64)>) -> Self {
        Self { name: name.into(), bars }
    }
}

/// Draws grouped bars on a logarithmic axis of nanoseconds into `<target>/bench/<name>.svg`.
///
/// # Panics
///
/// If the file cannot be written.
pub fn plot(name: &str, title: &str, groups: &[Group]) {
    let path = svg(name);
    let area = SVGBackend::new(&path, (1200, 640)).into_drawing_area();
    draw(&area, title, groups).expect("the target folder can be written");
}

pub(crate) type Area<'a> = plotters::drawing::DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
pub(crate) type DrawError<'a> =
    DrawingAreaErrorKind<<SVGBackend<'a> as plotters::prelude::DrawingBackend>::ErrorType>;

fn draw<'a>(area: &Area<'a>, title: &str, groups: &[Group]) -> Result<(), DrawError<'a>> {
    let Some(first) = groups.first() else { return Ok(()) };
    let highest = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.1).fold(100.0, f64::max);
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((0..groups.len() - 1).into_segmented(), (10.0..highest * 2.0).log_scale())?;
    let label = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) => groups.get(*at).map_or_else(String::new, |group| group.name.clone()),
        _ => String::new(),
    };
    chart.configure_mesh().x_label_formatter(&label).y_desc("ns per decision").disable_x_mesh().draw()?;
    for (bar, (name, _)) in first.bars.iter().enumerate() {
        let color = Palette99::pick(bar).to_rgba();
        let rectangles = groups.iter().enumerate().filter_map(|(at, group)| {
            let height = group.bars.get(bar)?.1;
            let mut rectangle = Rectangle::new(
                [(SegmentValue::Exact(at), 10.0), (SegmentValue::Exact(at + 1), height)],
                color.filled(),
            );
            let (before, after) = margins(bar, first.bars.len(), groups.len());
            rectangle.set_margin(0, 0, before, after);
            Some(rectangle)
        });
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(8));
        chart.draw_series(rectangles)?.label(name).legend(legend);
    }
    chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;
    area.present()
}

/// Pixels left free on both sides of a bar, so that the bars of a group stand side by side.
fn margins(bar: usize, bars: usize, groups: usize) -> (u32, u32) {
    let pixels = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let group = 1_080 / pixels(groups.max(1));
    let slot = group.saturating_sub(16) / pixels(bars.max(1));
    (8 + slot * pixels(bar), 8 + slot * pixels(bars - 1 - bar))
}

/// Where a plot goes.
pub(crate) fn svg(name: &str) -> PathBuf {
    folder().join(name).with_extension("svg")
}

/// `bench` in the target folder, made if need be.
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")), PathBuf::from);
    let folder = target.join("bench");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!(figure(Some(1_234.5)), "1234");
        assert_eq!(figure(Some(12.34)), "12.3");
        assert_eq!(figure(Some(1.234)), "1.23");
        assert_eq!(figure(None), "–");
        assert_eq!(times(Some(1.256)), "1.26×");
    }

    #[test]
    fn bars_of_a_group_stand_side_by_side() {
        let (before, after) = margins(0, 3, 2);
        let (next, _) = margins(1, 3, 2);
        assert!(before < next && after > next - 8);
    }
}

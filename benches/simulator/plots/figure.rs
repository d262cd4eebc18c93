//! A figure: one or two charts above each other, with one legend, and the spans of time that matter.

use std::io;

use plotters::{prelude::RGBAColor, style::text_anchor::HPos};

use super::{
    axis::Axis,
    canvas::{Canvas, Frame, GREY, GRID, INK, SHADE, Words, paint, width_of},
};

/// What goes into one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) charts: Vec<Chart>,
    /// Spans of the horizontal axis that have a name.
    pub(super) bands: Vec<Band>,
}

/// One pair of axes and what is drawn in it.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) curves: Vec<Curve>,
    pub(super) bars: Vec<Bars>,
}

/// A line; `None` is a gap in it.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) label: String,
    pub(super) color: RGBAColor,
    pub(super) width: u32,
    pub(super) points: Vec<Option<(f64, f64)>>,
}

/// Bars from the axis up: from where to where, and how high.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    pub(super) label: String,
    pub(super) color: RGBAColor,
    pub(super) bars: Vec<(f64, f64, f64)>,
}

/// A named span.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) name: String,
    pub(super) from: f64,
    pub(super) until: f64,
    /// Marked within the charts, and not only above them.
    pub(super) shaded: bool,
}

impl Figure {
    /// The figure as SVG.
    pub(super) fn svg(&self) -> io::Result<String> {
        let legend = self.legend();
        let widest = legend.iter().map(|(label, _)| width_of(label, 13)).max().unwrap_or(0);
        let right = WIDTH - (widest + 60).clamp(120, 340);
        let rows = self.rows(right);
        let strip = ROW * rows.iter().max().map_or(0, |row| row + 1);
        let heights = if self.charts.len() == 1 { 300 } else { 200 };
        let count = i32::try_from(self.charts.len()).unwrap_or(1);
        let height = 44 + strip + count * (heights + GAP) + 30;
        let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
        paint(size, |canvas| {
            let title = Words { size: 17, bold: true, color: INK, at: HPos::Left };
            canvas.write(&self.title, (LEFT, 22), title)?;
            for (at, chart) in (0..).zip(&self.charts) {
                let top = 44 + strip + 28 + at * (heights + GAP);
                let frame = Frame { left: LEFT, top, right, bottom: top + heights };
                self.shade(canvas, chart, frame)?;
                chart.draw(canvas, frame, at + 1 == count)?;
            }
            self.name_bands(canvas, &rows, right)?;
            draw_legend(canvas, &legend, (right + 16, 44 + strip + 36))
        })
    }

    /// Every label once, in its colour.
    fn legend(&self) -> Vec<(String, RGBAColor)> {
        let curves =
            self.charts.iter().flat_map(|chart| chart.curves.iter().map(|curve| (&curve.label, curve.color)));
        let bars =
            self.charts.iter().flat_map(|chart| chart.bars.iter().map(|bars| (&bars.label, bars.color)));
        let mut legend: Vec<(String, RGBAColor)> = vec![];
        for (label, color) in curves.chain(bars) {
            if !legend.iter().any(|(known, _)| known == label) {
                legend.push((label.clone(), color));
            }
        }
        legend
    }

    /// By band: its row above the charts, so that no two of one row overlap.
    fn rows(&self, right: i32) -> Vec<i32> {
        let Some(chart) = self.charts.first() else { return vec![] };
        let mut ends: Vec<i32> = vec![];
        let row = |band: &Band| {
            let (from, until) = band.pixels(&chart.x, right);
            let until = until.max(from + width_of(&band.name, 12) + 12);
            let free = ends.iter().position(|&end| end <= from).unwrap_or(ends.len());
            if free == ends.len() {
                ends.push(until);
            } else {
                ends[free] = until;
            }
            i32::try_from(free).unwrap_or(0)
        };
        self.bands.iter().map(row).collect()
    }

    fn shade(&self, canvas: &Canvas<'_>, chart: &Chart, frame: Frame) -> io::Result<()> {
        for band in self.bands.iter().filter(|band| band.shaded) {
            let (left, right) = band.pixels(&chart.x, frame.right);
            canvas.fill(Frame { left, right, ..frame }, SHADE)?;
        }
        for band in &self.bands {
            let (left, right) = band.pixels(&chart.x, frame.right);
            for x in [left, right] {
                canvas.line(vec![(x, frame.top), (x, frame.bottom)], GRID, 1)?;
            }
        }
        Ok(())
    }

    fn name_bands(&self, canvas: &Canvas<'_>, rows: &[i32], right: i32) -> io::Result<()> {
        let Some(chart) = self.charts.first() else { return Ok(()) };
        for (band, row) in self.bands.iter().zip(rows) {
            let (left, right) = band.pixels(&chart.x, right);
            let top = 42 + ROW * row;
            canvas.fill(
                Frame { left: left + 1, top, right: (right - 1).max(left + 2), bottom: top + ROW - 3 },
                GRID,
            )?;
            let words = Words { size: 12, bold: false, color: INK, at: HPos::Left };
            canvas.write(&band.name, (left + 6, top + ROW / 2 - 1), words)?;
        }
        Ok(())
    }
}

impl Chart {
    fn draw(&self, canvas: &Canvas<'_>, frame: Frame, last: bool) -> io::Result<()> {
        let at = |x: f64, y: f64| {
            (along(frame.left, frame.right, self.x.place(x)), along(frame.bottom, frame.top, self.y.place(y)))
        };
        canvas.write(&self.y.label, (LEFT - 52, frame.top - 14), Words::small(HPos::Left))?;
        for (value, text) in &self.y.ticks {
            let (_, y) = at(0.0, *value);
            canvas.line(vec![(frame.left, y), (frame.right, y)], GRID, 1)?;
            canvas.write(text, (frame.left - 8, y), Words::small(HPos::Right))?;
        }
        for (value, text) in &self.x.ticks {
            let (x, _) = at(*value, 0.0);
            canvas.line(vec![(x, frame.bottom), (x, frame.bottom + 5)], GREY, 1)?;
            canvas.write(text, (x, frame.bottom + 15), Words::small(HPos::Center))?;
        }
        if last {
            let middle = i32::midpoint(frame.left, frame.right);
            canvas.write(&self.x.label, (middle, frame.bottom + 36), Words::small(HPos::Center))?;
        }
        for bars in &self.bars {
            for &(from, until, height) in &bars.bars {
                let ((left, top), (right, _)) = (at(from, height), at(until, height));
                canvas.fill(
                    Frame { left, top, right: right.max(left + 1), bottom: frame.bottom },
                    bars.color,
                )?;
            }
        }
        for curve in &self.curves {
            for piece in curve.points.split(Option::is_none) {
                let mut points: Vec<_> = piece.iter().flatten().map(|&(x, y)| at(x, y)).collect();
                if let [(x, y)] = points[..] {
                    points.push((x + 2, y));
                }
                canvas.line(points, curve.color, curve.width)?;
            }
        }
        let corner = vec![(frame.left, frame.top), (frame.left, frame.bottom), (frame.right, frame.bottom)];
        canvas.line(corner, GREY, 1)
    }
}

impl Band {
    fn pixels(&self, axis: &Axis, right: i32) -> (i32, i32) {
        (along(LEFT, right, axis.place(self.from)), along(LEFT, right, axis.place(self.until)))
    }
}

fn draw_legend(canvas: &Canvas<'_>, legend: &[(String, RGBAColor)], (x, top): (i32, i32)) -> io::Result<()> {
    for (row, (label, color)) in (0..).zip(legend) {
        let y = top + row * 22;
        canvas.fill(Frame { left: x, top: y - 2, right: x + 22, bottom: y + 3 }, *color)?;
        canvas.write(label, (x + 30, y), Words::small(HPos::Left))?;
    }
    Ok(())
}

/// The pixel at this share of the way.
#[expect(clippy::cast_possible_truncation, reason = "between two pixels of a sheet")]
fn along(from: i32, to: i32, share: f64) -> i32 {
    (f64::from(from) + f64::from(to - from) * share).round() as i32
}

const WIDTH: i32 = 1_120;
const LEFT: i32 = 72;
const ROW: i32 = 20;
/// Between two charts: the ticks of one and the label of the next.
const GAP: i32 = 54;

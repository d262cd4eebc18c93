//! Plots of cost against size, as SVG.

use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, IntoDrawingArea, IntoLogRange, LineSeries, Palette, Palette99,
    PathElement, SVGBackend, WHITE,
};

use crate::report::{Area, DrawError, svg};

/// One line of a plot: figures by size.
#[derive(Debug)]
pub struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// A line through these (size, nanoseconds).
    #[must_use]
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points }
    }
}

/// Draws nanoseconds over a logarithmic axis of sizes into `<target>/bench/<name>.svg`.
///
/// # Panics
///
/// If the file cannot be written.
pub fn plot_curves(name: &str, title: &str, size: &str, curves: &[Curve]) {
    let path = svg(name);
    let area = SVGBackend::new(&path, (1000, 600)).into_drawing_area();
    draw(&area, (title, size), curves).expect("the target folder can be written");
}

fn draw<'a>(area: &Area<'a>, (title, size): (&str, &str), curves: &[Curve]) -> Result<(), DrawError<'a>> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (least, most) = points()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), &(size, _)| (least.min(size), most.max(size)));
    let highest = points().map(|point| point.1).fold(0.0, f64::max);
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 24))
        .margin(16)
        .x_label_area_size(50)
        .y_label_area_size(70)
        .build_cartesian_2d((least..most * 1.001).log_scale(), 0.0..highest * 1.15)?;
    chart
        .configure_mesh()
        .x_desc(size)
        .y_desc("nanoseconds")
        .x_label_formatter(&|size| format!("{size:.0}"))
        .y_label_formatter(&|nanos| format!("{nanos:.0}"))
        .label_style(("sans-serif", 15))
        .light_line_style(WHITE)
        .draw()?;
    for (at, curve) in curves.iter().enumerate() {
        let color = Palette99::pick(at).to_rgba();
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(3));
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), color.stroke_width(3)))?
            .label(&curve.name)
            .legend(legend);
        chart.draw_series(curve.points.iter().map(|&point| Circle::new(point, 4, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(plotters::prelude::SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 15))
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    area.present()
}

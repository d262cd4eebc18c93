//! Lines, boxes and words in pixels, and the look that all plots have.

use std::io;

use plotters::{
    coord::Shift,
    prelude::{
        BLACK, Color, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea, IntoFont, PathElement, RGBAColor,
        RGBColor, Rectangle, SVGBackend, Text, WHITE,
    },
    style::{
        FontStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// A sheet to draw on.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// A box of pixels, from its left upper corner to its right lower one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

/// How words are written.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub(super) size: i32,
    pub(super) bold: bool,
    pub(super) color: RGBAColor,
    pub(super) at: HPos,
}

/// Paints a sheet of this size.
pub(super) fn paint(
    size: (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> io::Result<()>,
) -> io::Result<String> {
    let mut text = String::new();
    {
        let canvas = Canvas { area: SVGBackend::with_string(&mut text, size).into_drawing_area() };
        canvas.area.fill(&WHITE).map_err(failed)?;
        draw(&canvas)?;
        canvas.area.present().map_err(failed)?;
    }
    Ok(text)
}

impl Canvas<'_> {
    pub(super) fn fill(&self, frame: Frame, color: RGBAColor) -> io::Result<()> {
        let corners = [(frame.left, frame.top), (frame.right, frame.bottom)];
        self.area.draw(&Rectangle::new(corners, color.filled())).map_err(failed)
    }

    pub(super) fn line(&self, points: Vec<(i32, i32)>, color: RGBAColor, width: u32) -> io::Result<()> {
        self.area.draw(&PathElement::new(points, color.stroke_width(width))).map_err(failed)
    }

    /// Words whose middle line is at `y`.
    pub(super) fn write(&self, text: &str, (x, y): (i32, i32), words: Words) -> io::Result<()> {
        let style = if words.bold { FontStyle::Bold } else { FontStyle::Normal };
        // The backend draws a size of 1.24 as one pixel.
        let font = ("sans-serif", f64::from(words.size) * 1.24, style).into_font();
        let style = TextStyle::from(font).color(&words.color).pos(Pos::new(words.at, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), (x, y), style)).map_err(failed)
    }
}

impl Words {
    /// Plain ones, in the colour of axes.
    pub(super) fn small(at: HPos) -> Self {
        Self { size: 13, bold: false, color: INK, at }
    }
}

/// About how wide words of this size are.
pub(super) fn width_of(text: &str, size: i32) -> i32 {
    let letters = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 100);
    letters.saturating_mul(size) * 58 / 100
}

fn failed(error: DrawingAreaErrorKind<io::Error>) -> io::Error {
    io::Error::other(error.to_string())
}

/// Okabe's and Ito's colours, which people tell apart however they see colours; the darkest first.
pub(super) const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
pub(super) const INK: RGBAColor = RGBAColor(40, 40, 40, 1.0);
pub(super) const GREY: RGBAColor = RGBAColor(150, 150, 150, 1.0);
pub(super) const GRID: RGBAColor = RGBAColor(0, 0, 0, 0.10);
pub(super) const SHADE: RGBAColor = RGBAColor(0, 0, 0, 0.045);

/// A colour of the palette, as often as it takes.
pub(super) fn color(at: usize) -> RGBAColor {
    PALETTE.get(at % PALETTE.len()).unwrap_or(&BLACK).to_rgba()
}

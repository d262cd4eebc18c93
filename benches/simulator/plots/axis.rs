//! Axes: where a value lies, and what is written beside it.

/// One axis of a chart.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// What it measures, and in which unit.
    pub(super) label: String,
    scale: Scale,
    from: f64,
    to: f64,
    /// Values and what is written there.
    pub(super) ticks: Vec<(f64, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Scale {
    Linear,
    Log,
}

impl Axis {
    /// An axis from `from` to `to`, with ticks at round values.
    pub(super) fn linear(label: impl Into<String>, from: f64, to: f64) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        let step = round_step((to - from) / MOST_TICKS);
        let decimals = usize::from(step < 1.0) + usize::from(step < 0.1) + usize::from(step < 0.01);
        let first = (from / step).ceil();
        let ticks =
            (0..100).map(|at| (first + f64::from(at)) * step).take_while(|&tick| tick <= to + step * 1e-6);
        let ticks = ticks.map(|tick| (tick, format!("{tick:.decimals$}"))).collect();
        Self { label: label.into(), scale: Scale::Linear, from, to, ticks }
    }

    /// An axis of powers of ten, wide enough for all of these.
    pub(super) fn log(label: impl Into<String>, values: impl Iterator<Item = f64>) -> Self {
        let good = values.filter(|value| value.is_finite() && *value > 0.0);
        let (least, most) = good.fold((f64::INFINITY, 0.0), |(least, most), value| {
            (f64::min(least, value), f64::max(most, value))
        });
        let (least, most) = if most > 0.0 { (least / 1.15, most * 1.15) } else { (1.0, 10.0) };
        let most = most.max(least * 4.0);
        let within = if most / least < 100.0 { &[1.0, 2.0, 5.0][..] } else { &[1.0][..] };
        let decades = (-6..9).flat_map(|decade| within.iter().map(move |digit| digit * 10_f64.powi(decade)));
        let ticks = decades.filter(|tick| (least..=most).contains(tick));
        let ticks = ticks.map(|tick| (tick, round_figure(tick))).collect();
        Self { label: label.into(), scale: Scale::Log, from: least, to: most, ticks }
    }

    /// The time axis of a run that lasts so many seconds; and what a second is on it.
    pub(super) fn time(seconds: f64) -> (Self, f64) {
        let (unit, name) = match seconds {
            s if s <= 600.0 => (1.0, "s"),
            s if s <= 7_200.0 => (60.0, "min"),
            s if s <= 259_200.0 => (3_600.0, "h"),
            _ => (86_400.0, "days"),
        };
        (Self::linear(format!("time, {name}"), 0.0, seconds / unit), 1.0 / unit)
    }

    /// Percentiles from the median on, each ninth as far from the next.
    pub(super) fn nines() -> Self {
        let named = [0.5, 0.9, 0.95, 0.99, 0.995, 0.999];
        let ticks = named
            .iter()
            .map(|&quantile: &f64| (nines_of(quantile), format!("p{}", round_figure(quantile * 100.0))));
        Self {
            label: "percentile of all requests that succeeded".to_owned(),
            scale: Scale::Linear,
            from: nines_of(0.5),
            to: 3.0,
            ticks: ticks.collect(),
        }
    }

    /// Places 0 to n, each with a name in its middle; where there are many, only some are written.
    pub(super) fn names(label: impl Into<String>, names: &[&str]) -> Self {
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(1);
        let each = (names.len() * (longest + 2)).div_ceil(LETTERS).max(1);
        let ticks = (0_u32..).zip(names).enumerate().filter(|(at, _)| at % each == 0);
        let ticks = ticks.map(|(_, (at, name))| (f64::from(at) + 0.5, (*name).to_owned())).collect();
        Self {
            label: label.into(),
            scale: Scale::Linear,
            from: 0.0,
            to: crate::metrics::count(names.len()),
            ticks,
        }
    }

    /// Where a value lies: 0 at the axis's beginning, 1 at its end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Log => (value.max(self.from) / self.from).ln() / (self.to / self.from).ln(),
        };
        place.clamp(0.0, 1.0)
    }
}

/// How many nines a quantile has.
pub(super) fn nines_of(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// The next of 1, 2, 5, 10, …
fn round_step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * decade >= least * (1.0 - 1e-9));
    digit.unwrap_or(10.0) * decade
}

/// As few digits as it takes.
fn round_figure(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const MOST_TICKS: f64 = 6.0;
/// About how many letters fit below a chart.
const LETTERS: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(written(&Axis::linear("", 0.0, 65.0)), ["0", "20", "40", "60"]);
        assert_eq!(written(&Axis::linear("", 0.0, 0.5)), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(written(&Axis::log("", [12.0, 80.0].into_iter())), ["20", "50"]);
        assert_eq!(written(&Axis::log("", [0.5, 800.0].into_iter())), ["1", "10", "100"]);
        assert_eq!(written(&Axis::nines()), ["p50", "p90", "p95", "p99", "p99.5", "p99.9"]);
    }

    #[test]
    fn a_tenfold_is_as_far_everywhere_on_a_logarithmic_axis() {
        let axis = Axis::log("", [1.0, 1_000.0].into_iter());
        let step = axis.place(10.0) - axis.place(1.0);
        assert!((axis.place(1_000.0) - axis.place(100.0) - step).abs() < 1e-12);
        assert!(axis.place(f64::MIN_POSITIVE) <= 0.0);
    }
}

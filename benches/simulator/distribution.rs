//! How long things take: the distributions that scenario files name.

use serde::Deserialize;

use super::{rng::Rng, span::Span};

/// A distribution of durations; in files `{ fixed = "20ms" }`, `{ exponential = "20ms" }` (its mean), and so on.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Distribution {
    /// Always this.
    Fixed(Span),
    /// Memoryless, of this mean.
    Exponential(Span),
    /// Of this mean; `sigma` is the deviation of its logarithm.
    Lognormal { mean: Span, sigma: f64 },
    /// `slow` with probability `slow_share`, else `fast`.
    Bimodal { fast: Span, slow: Span, slow_share: f64 },
    /// Bounded Pareto: heavy-tailed between two bounds.
    Pareto { min: Span, max: Span, alpha: f64 },
    /// Anything between two bounds, all the same.
    Uniform { from: Span, to: Span },
}

impl Distribution {
    /// One duration, in nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "durations of service are below 2⁵³ ns")]
    pub(crate) fn draw(&self, rng: &mut Rng) -> f64 {
        match *self {
            Self::Fixed(span) => span.0 as f64,
            Self::Exponential(mean) => mean.0 as f64 * rng.exponential(),
            Self::Lognormal { mean, sigma } => {
                mean.0 as f64 * (sigma * rng.normal() - sigma * sigma / 2.0).exp()
            }
            Self::Bimodal { fast, slow, slow_share } => {
                if rng.uniform() < slow_share {
                    slow.0 as f64
                } else {
                    fast.0 as f64
                }
            }
            Self::Pareto { min, max, alpha } => {
                let (low, high) = (min.0 as f64, max.0 as f64);
                let cut = 1.0 - (low / high).powf(alpha);
                low / (1.0 - rng.uniform() * cut).powf(1.0 / alpha)
            }
            Self::Uniform { from, to } => from.0 as f64 + rng.uniform() * (to.0 as f64 - from.0 as f64),
        }
    }

    /// What is wrong with it: the field, and what would be right.
    pub(crate) fn problem(&self) -> Option<(&'static str, &'static str)> {
        match *self {
            Self::Lognormal { sigma, .. } if !(0.0..=10.0).contains(&sigma) => {
                Some(("lognormal.sigma", "give a number from 0 to 10"))
            }
            Self::Bimodal { slow_share, .. } if !(0.0..=1.0).contains(&slow_share) => {
                Some(("bimodal.slow_share", "give a share from 0 to 1"))
            }
            Self::Pareto { alpha, .. } if !(alpha > 0.0 && alpha <= 100.0) => {
                Some(("pareto.alpha", "give a number above 0, such as 1.5"))
            }
            Self::Pareto { min, max, .. } if min.0 == 0 || max <= min => {
                Some(("pareto.max", "give a min above zero and a max above it"))
            }
            Self::Uniform { from, to } if to < from => Some(("uniform.to", "give at least `from`")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(distribution: &Distribution) -> f64 {
        let mut rng = Rng::new(11, 0);
        (0..400_000).map(|_| distribution.draw(&mut rng)).sum::<f64>() / 400_000.0 / 1e6
    }

    #[test]
    fn means_are_what_the_formulas_say() {
        let ms = Span::millis;
        let cases = [
            (Distribution::Fixed(ms(20)), 20.0),
            (Distribution::Exponential(ms(20)), 20.0),
            (Distribution::Lognormal { mean: ms(20), sigma: 0.8 }, 20.0),
            (Distribution::Bimodal { fast: ms(10), slow: ms(110), slow_share: 0.1 }, 20.0),
            (Distribution::Uniform { from: ms(10), to: ms(30) }, 20.0),
            // α/(α−1) · L · (1 − (L/H)^(α−1)) / (1 − (L/H)^α) with α = 1.5, L = 10, H = 1000.
            (Distribution::Pareto { min: ms(10), max: ms(1_000), alpha: 1.5 }, 3.0 * 10.0 * 0.9 / 0.999),
        ];
        for (distribution, expected) in cases {
            let found = mean(&distribution);
            assert!((found / expected - 1.0).abs() < 0.01, "{distribution:?}: {found} for {expected}");
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let wrong = Distribution::Pareto { min: Span::millis(5), max: Span::millis(5), alpha: 1.0 };
        assert_eq!(wrong.problem().map(|(field, _)| field), Some("pareto.max"));
        let right = Distribution::Bimodal { fast: Span(1), slow: Span(2), slow_share: 0.5 };
        assert!(right.problem().is_none());
    }
}

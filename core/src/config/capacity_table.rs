//! How a capacity is written.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::{
    AdaptiveSpec, AimdSpec, CapacitySpec, Gradient2Spec, GradientSpec, VegasSpec,
    short::{Period, ShortForm},
};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum CapacityTable {
    Fixed {
        seats: NonZeroU32,
    },
    Aimd {
        min: Option<u32>,
        max: Option<u32>,
        initial: Option<u32>,
        backoff: Option<f64>,
        timeout: Option<Period>,
    },
    Gradient {
        min: Option<u32>,
        max: Option<u32>,
        initial: Option<u32>,
        buffer: Option<f64>,
        percentile: Option<u32>,
        window: Option<Period>,
        min_rtt_interval: Option<Period>,
        min_rtt_requests: Option<u32>,
        jitter: Option<f64>,
    },
    Gradient2 {
        min: Option<u32>,
        max: Option<u32>,
        initial: Option<u32>,
        tolerance: Option<f64>,
        smoothing: Option<f64>,
        queue: Option<u32>,
        long_window: Option<u32>,
    },
    Vegas {
        min: Option<u32>,
        max: Option<u32>,
        initial: Option<u32>,
        alpha: Option<u32>,
        beta: Option<u32>,
        probe: Option<u32>,
        smoothing: Option<f64>,
    },
    Adaptive {
        min: Option<u32>,
        max: Option<u32>,
        initial: Option<u32>,
    },
}

/// Starts from the defaults and sets what is written.
macro_rules! learnt {
    ($spec:ident, $($value:ident => $setter:ident),+) => {{
        let mut spec = $spec::new();
        $(if let Some(value) = $value {
            spec = spec.$setter(value.into());
        })+
        CapacitySpec::from(spec)
    }};
}

impl ShortForm for CapacitySpec {
    type Table = CapacityTable;
    const EXPECTED: &'static str =
        "\"adaptive\", a number of seats from 1 on, or a table { kind = \"gradient\", min = 8, max = 500 }";

    fn from_table(table: CapacityTable) -> Result<Self, String> {
        Ok(match table {
            CapacityTable::Fixed { seats } => Self::Fixed(seats),
            CapacityTable::Aimd { min, max, initial, backoff, timeout } => {
                learnt!(AimdSpec, min => with_min, max => with_max, initial => with_initial, backoff => with_backoff, timeout => with_timeout)
            }
            CapacityTable::Gradient {
                min,
                max,
                initial,
                buffer,
                percentile,
                window,
                min_rtt_interval,
                min_rtt_requests,
                jitter,
            } => {
                learnt!(GradientSpec, min => with_min, max => with_max, initial => with_initial, buffer => with_buffer, percentile => with_percentile, window => with_window, min_rtt_interval => with_min_rtt_interval, min_rtt_requests => with_min_rtt_requests, jitter => with_jitter)
            }
            CapacityTable::Gradient2 { min, max, initial, tolerance, smoothing, queue, long_window } => {
                learnt!(Gradient2Spec, min => with_min, max => with_max, initial => with_initial, tolerance => with_tolerance, smoothing => with_smoothing, queue => with_queue, long_window => with_long_window)
            }
            CapacityTable::Vegas { min, max, initial, alpha, beta, probe, smoothing } => {
                learnt!(VegasSpec, min => with_min, max => with_max, initial => with_initial, alpha => with_alpha, beta => with_beta, probe => with_probe, smoothing => with_smoothing)
            }
            CapacityTable::Adaptive { min, max, initial } => {
                learnt!(AdaptiveSpec, min => with_min, max => with_max, initial => with_initial)
            }
        })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "adaptive" { Ok(Self::adaptive()) } else { Err(format!("give {}", Self::EXPECTED)) }
    }

    fn from_number(number: u64) -> Result<Self, String> {
        let seats = u32::try_from(number).ok().and_then(NonZeroU32::new);
        seats.map(Self::Fixed).ok_or_else(|| format!("give {}", Self::EXPECTED))
    }
}

impl From<Period> for std::time::Duration {
    fn from(period: Period) -> Self {
        period.0
    }
}

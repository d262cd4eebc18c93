//! How a strategy is written.

use std::time::Duration;

use serde::Deserialize;

use super::{
    KetamaSpec, LeastLoadedSpec, LoadKind, MaglevSpec, P2cSpec, PrequalSpec, RendezvousSpec, RingSpec,
    RoundRobinSpec, StrategySpec, WeightedSpec,
    seats_table::NoTable,
    short::{Period, Short, ShortForm},
};

/// One variant for each kind, with the settings that it has.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum StrategyTable {
    P2c {
        choices: Option<u32>,
        load: Option<Load>,
    },
    LeastLoaded {
        load: Option<Load>,
    },
    RoundRobin {
        phase: Option<Phase>,
    },
    Random {},
    Weighted {
        blackout: Option<Period>,
        expiry: Option<Period>,
        update: Option<Period>,
        error_penalty: Option<f64>,
    },
    Prequal {
        probe: Option<Box<str>>,
        timeout: Option<Period>,
        probes_per_request: Option<f64>,
        pool: Option<u32>,
        max_age: Option<Period>,
        quantile: Option<f64>,
        remove_per_request: Option<f64>,
    },
    Ketama {
        bounded: Option<Short<Factor>>,
    },
    Ring {
        min_size: Option<u32>,
        max_size: Option<u32>,
        bounded: Option<Short<Factor>>,
    },
    Maglev {
        size: Option<u32>,
        bounded: Option<Short<Factor>>,
    },
    Rendezvous {
        bounded: Option<Short<Factor>>,
    },
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Load {
    PeakEwma,
    InFlight,
    Reported,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    First,
    Random,
}

/// Starts from the defaults and sets what is written.
macro_rules! written {
    ($spec:ident, $($value:expr => $setter:ident),+) => {{
        let mut spec = $spec::new();
        $(if let Some(value) = $value {
            spec = spec.$setter(value);
        })+
        StrategySpec::from(spec)
    }};
}

impl ShortForm for StrategySpec {
    type Table = StrategyTable;
    const EXPECTED: &'static str = "\"p2c\", \"least_loaded\", \"round_robin\", \"random\", \"weighted\", \"ketama\", \"ring\", \"maglev\", \"rendezvous\" or \"prequal\", or a table { kind = \"maglev\", size = 65537 }";

    fn from_table(table: StrategyTable) -> Result<Self, String> {
        Ok(match table {
            StrategyTable::P2c { choices, load } => {
                written!(P2cSpec, choices => with_choices, load.map(LoadKind::from) => with_load)
            }
            StrategyTable::LeastLoaded { load } => {
                written!(LeastLoadedSpec, load.map(LoadKind::from) => with_load)
            }
            StrategyTable::RoundRobin { phase } => match phase {
                Some(Phase::Random) => RoundRobinSpec::new().with_random_phase().into(),
                Some(Phase::First) | None => Self::round_robin(),
            },
            StrategyTable::Random {} => Self::Random,
            StrategyTable::Weighted { blackout, expiry, update, error_penalty } => {
                written!(WeightedSpec, period(blackout) => with_blackout, period(expiry) => with_expiry, period(update) => with_update, error_penalty => with_error_penalty)
            }
            StrategyTable::Prequal {
                probe,
                timeout,
                probes_per_request,
                pool,
                max_age,
                quantile,
                remove_per_request,
            } => {
                written!(PrequalSpec, probe => with_path, period(timeout) => with_timeout, probes_per_request => with_probes_per_request, pool => with_pool, period(max_age) => with_max_age, quantile => with_quantile, remove_per_request => with_remove_per_request)
            }
            StrategyTable::Ketama { bounded } => written!(KetamaSpec, factor(bounded) => with_bounded),
            StrategyTable::Ring { min_size, max_size, bounded } => {
                written!(RingSpec, min_size => with_min_size, max_size => with_max_size, factor(bounded) => with_bounded)
            }
            StrategyTable::Maglev { size, bounded } => {
                written!(MaglevSpec, size => with_size, factor(bounded) => with_bounded)
            }
            StrategyTable::Rendezvous { bounded } => {
                written!(RendezvousSpec, factor(bounded) => with_bounded)
            }
        })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "p2c" => Ok(Self::p2c()),
            "least_loaded" => Ok(Self::least_loaded()),
            "round_robin" => Ok(Self::round_robin()),
            "random" => Ok(Self::Random),
            "weighted" => Ok(Self::weighted()),
            "prequal" => Ok(PrequalSpec::new().into()),
            "ketama" => Ok(KetamaSpec::new().into()),
            "ring" => Ok(RingSpec::new().into()),
            "maglev" => Ok(MaglevSpec::new().into()),
            "rendezvous" => Ok(RendezvousSpec::new().into()),
            _ => Err(format!("give {}", Self::EXPECTED)),
        }
    }
}

impl From<Load> for LoadKind {
    fn from(load: Load) -> Self {
        match load {
            Load::PeakEwma => Self::PeakEwma,
            Load::InFlight => Self::InFlight,
            Load::Reported => Self::Reported,
        }
    }
}

/// A factor as a number, 1.25, or as a percentage, "125%".
pub(super) struct Factor(f64);

impl ShortForm for Factor {
    type Table = NoTable;
    const EXPECTED: &'static str = "a factor such as 1.25, or a percentage such as \"125%\"";

    fn from_table(_: NoTable) -> Result<Self, String> {
        Err(format!("give {}", Self::EXPECTED))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
        let factor = percent.filter(|percent| percent.is_finite()).map(|percent| Self(percent / 100.0));
        factor.ok_or_else(|| format!("give {}", Self::EXPECTED))
    }

    fn from_number(number: u64) -> Result<Self, String> {
        Self::from_fraction(u32::try_from(number).map_or(f64::MAX, f64::from))
    }

    fn from_fraction(number: f64) -> Result<Self, String> {
        Ok(Self(number))
    }
}

fn factor(written: Option<Short<Factor>>) -> Option<f64> {
    written.map(|Short(Factor(factor))| factor)
}

fn period(written: Option<Period>) -> Option<Duration> {
    written.map(|Period(period)| period)
}

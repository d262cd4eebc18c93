//! Strategies.

use serde_json::Value;

use super::Entries;
use crate::config::{LoadKind, StrategySpec};

pub(super) fn strategy(spec: &StrategySpec) -> Value {
    let entries = match spec {
        StrategySpec::P2c(spec) => {
            Entries::of_kind("p2c").with("choices", spec.choices()).with("load", load(spec.load()))
        }
        StrategySpec::LeastLoaded(spec) => Entries::of_kind("least_loaded").with("load", load(spec.load())),
        StrategySpec::RoundRobin(spec) => {
            let phase = if spec.has_random_phase() { "random" } else { "first" };
            Entries::of_kind("round_robin").with("phase", phase)
        }
        StrategySpec::Random => Entries::of_kind("random"),
        StrategySpec::Weighted(spec) => Entries::of_kind("weighted")
            .with_time("blackout", spec.blackout())
            .with_time("expiry", spec.expiry())
            .with_time("update", spec.update())
            .with("error_penalty", spec.error_penalty()),
        StrategySpec::Prequal(spec) => Entries::of_kind("prequal")
            .with("probe", spec.path())
            .with_time("timeout", spec.timeout())
            .with("probes_per_request", f64::from(spec.probes_per_request()) / MILLION)
            .with("pool", spec.pool())
            .with_time("max_age", spec.max_age())
            .with("quantile", spec.quantile())
            .with("remove_per_request", f64::from(spec.remove_per_request()) / MILLION),
        StrategySpec::Ketama(_) => Entries::of_kind("ketama"),
        StrategySpec::Ring(spec) => {
            Entries::of_kind("ring").with_some("min_size", spec.min_size()).with("max_size", spec.max_size())
        }
        StrategySpec::Maglev(spec) => Entries::of_kind("maglev").with("size", spec.size()),
        StrategySpec::Rendezvous(_) => Entries::of_kind("rendezvous"),
        StrategySpec::Custom(_) => return "custom".into(),
    };
    let bounded = spec.bounded_millionths().map(|millionths| f64::from(millionths) / MILLION);
    entries.with_some("bounded", bounded).into()
}

const fn load(kind: LoadKind) -> &'static str {
    match kind {
        LoadKind::PeakEwma => "peak_ewma",
        LoadKind::InFlight => "in_flight",
        LoadKind::Reported => "reported",
    }
}

const MILLION: f64 = 1e6;

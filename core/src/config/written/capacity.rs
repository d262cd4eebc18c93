//! The rules for seats.

use serde_json::Value;

use super::Entries;
use crate::config::{Bounds, CapacitySpec};

pub(super) fn capacity(spec: CapacitySpec) -> Value {
    let entries = match spec {
        CapacitySpec::Fixed(seats) => return seats.get().into(),
        CapacitySpec::Adaptive(spec) => learnt("adaptive", spec.bounds()),
        CapacitySpec::Aimd(spec) => {
            learnt("aimd", spec.bounds()).with("backoff", spec.backoff()).with_time("timeout", spec.timeout())
        }
        CapacitySpec::Gradient(spec) => learnt("gradient", spec.bounds())
            .with("buffer", spec.buffer())
            .with("percentile", spec.percentile())
            .with_time("window", spec.window())
            .with_time("min_rtt_interval", spec.min_rtt_interval())
            .with("min_rtt_requests", spec.min_rtt_requests())
            .with("jitter", spec.jitter()),
        CapacitySpec::Gradient2(spec) => learnt("gradient2", spec.bounds())
            .with("tolerance", spec.tolerance())
            .with("smoothing", spec.smoothing())
            .with("queue", spec.queue())
            .with("long_window", spec.long_window()),
        CapacitySpec::Vegas(spec) => learnt("vegas", spec.bounds())
            .with("alpha", spec.alpha())
            .with("beta", spec.beta())
            .with("probe", spec.probe())
            .with("smoothing", spec.smoothing()),
    };
    entries.into()
}

fn learnt(kind: &str, bounds: Bounds) -> Entries {
    Entries::of_kind(kind).with("min", bounds.min).with("max", bounds.max).with("initial", bounds.initial)
}

//! A guard's figures.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

use crate::guard::{CurrentGuard, GuardSnapshot, RuleCounts};

/// Read anew for each scrape.
#[derive(Debug)]
pub(super) struct GuardFigures {
    guard: CurrentGuard,
}

impl GuardFigures {
    pub(super) const fn new(guard: CurrentGuard) -> Self {
        Self { guard }
    }
}

impl Collector for GuardFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(guard) = self.guard.get() else { return Ok(()) };
        let snapshot = guard.snapshot();
        for (name, help, value) in BY_RULE {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for counts in snapshot.rules() {
                let labels = [("rule", counts.rule().name())];
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, u64, u64>(&value(counts), None)?;
            }
        }
        for (name, help, value) in TOTALS {
            let mut one = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            one.encode_counter::<NoLabelSet, u64, u64>(&value(&snapshot), None)?;
        }
        for (name, help, value) in GAUGES {
            let mut one = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            one.encode_gauge(&u64::try_from(value(&snapshot)).unwrap_or(u64::MAX))?;
        }
        Ok(())
    }
}

/// A name, what it says, and the value.
type Figure<T, V> = (&'static str, &'static str, fn(&T) -> V);

const BY_RULE: [Figure<RuleCounts, u64>; 3] = [
    ("guard_offences", "Requests against a rule", RuleCounts::offences),
    ("guard_bans", "Bans for breaking a rule", RuleCounts::bans),
    ("guard_shadow_bans", "Bans that there would have been", RuleCounts::shadow_bans),
];

const TOTALS: [Figure<GuardSnapshot, u64>; 2] = [
    ("guard_refusals", "Requests and connections refused by bans", GuardSnapshot::refused),
    ("guard_displaced_bans", "Bans that ended early for want of room", GuardSnapshot::displaced),
];

const GAUGES: [Figure<GuardSnapshot, usize>; 3] = [
    ("guard_active_bans", "Bans in force", |snapshot| snapshot.bans().len()),
    ("guard_clients", "Clients that are remembered", GuardSnapshot::clients),
    ("guard_tenants", "Tenants that are remembered", GuardSnapshot::tenants),
];

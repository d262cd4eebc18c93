//! What a meter hands to the ledger, and takes back from it: limits with what has been used of them, in times that outlive a clock.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    gauge::Gauge,
    kept::Kept,
    readings::{Holder, Meter, Readings},
    rule::{Kind, Moment, Rule},
    sliding::{Shape, Sliding},
    window::Window,
};
use crate::{
    limit::{gcra::Bucket, quota::ticks_at},
    time::nanos,
};

/// One limit of a tenant, and what has been used of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitRecord {
    rule: Rule,
    used: Used,
    /// How many marks have been passed, and in which window.
    warned: (u32, i64),
}

/// What has been used, by the kind of limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Used {
    /// The ticks until the bucket is full again.
    Bucket {
        lacks: u64,
    },
    /// How many nanoseconds ago it was used at the least, and units; and what is owed on top.
    Sliding {
        parts: Vec<(u64, u64)>,
        owed: u64,
    },
    Window(Window),
}

impl Meter {
    /// The limits of which something has been used.
    pub(crate) fn records(&self, generation: u32, moment: &Moment) -> Vec<LimitRecord> {
        let mut readings = self.readings.lock();
        let Some(readings) = readings.as_mut().filter(|readings| readings.generation == generation) else {
            return vec![];
        };
        readings.advance(moment);
        let pairs = readings.rules.iter().zip(&readings.gauges);
        let used = pairs.filter(|(rule, kept)| kept.gauge.used(rule, moment).0 > 0);
        used.map(|(rule, kept)| kept.record(rule, moment)).collect()
    }

    /// Puts back what was used `ago`, under whatever limits are in force now. Of a limit that has been used since, the larger use counts.
    pub(crate) fn restore(
        &self,
        holder: Holder<'_>,
        records: &[LimitRecord],
        ago: Duration,
        moment: &Moment,
    ) {
        let rules: Arc<[Rule]> = records.iter().map(|record| record.rule.clone()).collect();
        let mut then = Readings::new(Holder { generation: holder.generation, rules: &rules });
        then.gauges = (0..).zip(records).map(|(serial, record)| record.kept(serial, ago, moment)).collect();
        then.advance(moment);
        then.follow(holder.rules, moment);
        self.with(holder, moment, |now| {
            for (rule, (kept, then)) in now.rules.iter().zip(now.gauges.iter_mut().zip(then.gauges)) {
                if then.gauge.used(rule, moment).0 > kept.gauge.used(rule, moment).0 {
                    // In its place, but nothing from before is given back to it.
                    *kept = Kept { serial: kept.serial, epoch: kept.epoch.wrapping_add(1), ..then };
                }
            }
        });
    }
}

impl Kept {
    fn record(&self, rule: &Rule, moment: &Moment) -> LimitRecord {
        let now = moment.uptime.as_nanos();
        let used = match (&self.gauge, &rule.kind) {
            (Gauge::Sliding(sliding), Kind::Sliding { amount, part }) => {
                let (parts, owed) = sliding.ages(Shape { amount: *amount, part: *part }, now);
                Used::Sliding { parts, owed }
            }
            (Gauge::Window(window), _) => Used::Window(*window),
            (Gauge::Bucket(bucket), _) => {
                Used::Bucket { lacks: bucket.full_at().saturating_sub(ticks_at(moment.uptime)) }
            }
            (Gauge::Sliding(_), _) => unreachable!("a gauge is of its rule's kind"),
        };
        let warned = (u32::try_from(self.warned.0).unwrap_or(u32::MAX), self.warned.1);
        LimitRecord { rule: rule.clone(), used, warned }
    }
}

impl LimitRecord {
    /// Whether its figures can have been written by a meter.
    pub(crate) fn is_sound(&self) -> bool {
        match (&self.rule.kind, &self.used) {
            (Kind::Bucket(quota), Used::Bucket { .. }) => quota.is_sound(),
            (Kind::Sliding { part, .. }, Used::Sliding { .. }) => *part > 0,
            (Kind::Window { .. }, Used::Window(window)) => window.is_sound(),
            _ => false,
        }
    }

    fn kept(&self, serial: u32, ago: Duration, moment: &Moment) -> Kept {
        let (ago, now) = (nanos(ago), moment.uptime.as_nanos());
        let gauge = match (&self.rule.kind, &self.used) {
            (Kind::Bucket(_), Used::Bucket { lacks }) => {
                let bucket = Bucket::default();
                bucket.put_off(lacking(*lacks, ago, moment));
                Gauge::Bucket(bucket)
            }
            (Kind::Sliding { amount, part }, Used::Sliding { parts, owed }) => {
                let aged = |&(age, units): &(u64, u64)| (age.saturating_add(ago), units);
                let parts: Vec<_> = parts.iter().map(aged).collect();
                Gauge::Sliding(Sliding::of_ages(Shape { amount: *amount, part: *part }, &parts, *owed, now))
            }
            (Kind::Window { .. }, Used::Window(window)) => Gauge::Window(*window),
            (kind, _) => Gauge::new(kind),
        };
        let warned = (self.warned.0 as usize, self.warned.1);
        Kept { warned, ..Kept::new(serial, gauge) }
    }
}

/// When a bucket is full that lacked so much `ago`.
pub(crate) fn lacking(ticks: u64, ago: u64, moment: &Moment) -> u64 {
    let passed = ticks_at(crate::time::Time::from_nanos(ago));
    ticks_at(moment.uptime).saturating_add(ticks.saturating_sub(passed))
}

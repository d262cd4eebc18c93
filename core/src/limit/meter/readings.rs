//! One tenant's meter: all its gauges behind one lock, so that a request passes all of them or none.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    gauge::{Gauge, Mark},
    kept::{Kept, Warning},
    rule::{Actual, Demand, Mode, Moment, Rule},
};
use crate::{
    limit::{Reading, Refusal},
    sync::Mutex,
};

/// What has been used of one tenant's limits. Empty until somebody with such limits has the slot.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(super) readings: Mutex<Option<Box<Readings>>>,
}

/// What a request was charged here: to be settled or taken back.
#[derive(Debug)]
pub(crate) struct Metered {
    reserved: SmallVec<[Reserved; 2]>,
    /// At how many percent of their speed the tenant's rates run for it.
    slow_to: u32,
}

#[derive(Clone, Copy, Debug)]
struct Reserved {
    serial: u32,
    epoch: u32,
    units: u64,
    mark: Mark,
}

#[derive(Debug)]
pub(super) struct Readings {
    /// Whose they are: the generation of the slot.
    pub(super) generation: u32,
    pub(super) rules: Arc<[Rule]>,
    /// In the rules' order.
    pub(super) gauges: Vec<Kept>,
    next_serial: u32,
    /// Requests that a limit in shadow mode would have refused.
    shadowed: u64,
}

/// Whose limits: the slot's generation, and the rules in force for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder<'a> {
    pub(crate) generation: u32,
    pub(crate) rules: &'a Arc<[Rule]>,
}

pub(crate) type Warnings = SmallVec<[Warning; 1]>;

impl Meter {
    /// What [`reserve`](Self::reserve) would answer, without reserving or counting anything.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn look(
        &self,
        holder: Holder<'_>,
        demand: &Demand<'_>,
        moment: &Moment,
    ) -> Result<(), Refusal> {
        self.with(holder, moment, |readings| readings.look(demand, moment))
    }

    /// Takes what a request declares from every limit, or nothing from any.
    ///
    /// # Errors
    /// What the enforced limits that refuse say together.
    pub(crate) fn reserve(
        &self,
        holder: Holder<'_>,
        demand: &Demand<'_>,
        moment: &Moment,
    ) -> Result<(Metered, Warnings), Refusal> {
        self.with(holder, moment, |readings| {
            readings.look(demand, moment)?;
            Ok(readings.take(demand, moment))
        })
    }

    /// Takes a whole reservation back: the request did not run.
    pub(crate) fn undo(&self, metered: &Metered, moment: &Moment) {
        self.with_present(moment, |readings| {
            for reserved in &metered.reserved {
                readings.give_back(reserved, reserved.units, moment);
            }
        });
    }

    /// Corrects a reservation to what the request really used. More than reserved is owed.
    pub(crate) fn settle(&self, metered: &Metered, actual: &Actual<'_>, moment: &Moment) -> Warnings {
        let mut warnings = Warnings::new();
        self.with_present(moment, |readings| {
            for reserved in &metered.reserved {
                readings.settle(reserved, actual, moment, &mut warnings);
            }
        });
        warnings
    }

    /// Counts a request that a limit outside of this meter would have refused.
    pub(crate) fn count_shadowed(&self, holder: Holder<'_>, moment: &Moment) {
        self.with(holder, moment, |readings| readings.shadowed += 1);
    }

    /// How many requests limits in shadow mode would have refused.
    pub(crate) fn shadowed(&self, generation: u32) -> u64 {
        let readings = self.readings.lock();
        readings.as_ref().filter(|readings| readings.generation == generation).map_or(0, |own| own.shadowed)
    }

    /// Reads every limit, in the rules' order. Whoever reads need not be inside, so the slot may have become another's meanwhile: what is kept
    /// is left as it is then.
    pub(crate) fn read(&self, holder: Holder<'_>, moment: &Moment) -> Vec<Reading> {
        let mut kept = self.readings.lock();
        let mut fresh = None;
        let readings = match kept.as_deref_mut().filter(|kept| kept.generation == holder.generation) {
            Some(readings) => readings,
            None => fresh.insert(Readings::new(holder)),
        };
        readings.follow_if_changed(holder.rules, moment);
        readings.advance(moment);
        let pairs = readings.rules.iter().zip(&readings.gauges);
        pairs.map(|(rule, kept)| kept.gauge.read(rule, moment)).collect()
    }

    /// Whether a newcomer would be no better off.
    pub(crate) fn is_clear(&self, generation: u32, moment: &Moment) -> bool {
        let mut readings = self.readings.lock();
        let Some(readings) = readings.as_mut().filter(|readings| readings.generation == generation) else {
            return true;
        };
        readings.advance(moment);
        readings.rules.iter().zip(&readings.gauges).all(|(rule, kept)| kept.gauge.used(rule, moment).0 == 0)
    }

    /// The readings of whoever has the slot, on the rules in force.
    pub(super) fn with<R>(
        &self,
        holder: Holder<'_>,
        moment: &Moment,
        then: impl FnOnce(&mut Readings) -> R,
    ) -> R {
        let mut readings = self.readings.lock();
        let readings = match &mut *readings {
            Some(readings) if readings.generation == holder.generation => {
                readings.follow_if_changed(holder.rules, moment);
                readings
            }
            stale => stale.insert(Box::new(Readings::new(holder))),
        };
        readings.advance(moment);
        then(readings)
    }

    /// The readings that there are: a request that is inside keeps its tenant in the slot.
    fn with_present(&self, moment: &Moment, then: impl FnOnce(&mut Readings)) {
        if let Some(readings) = &mut *self.readings.lock() {
            readings.advance(moment);
            then(readings);
        }
    }
}

impl Readings {
    pub(super) fn new(holder: Holder<'_>) -> Self {
        let kept = |(serial, rule): (u32, &Rule)| Kept::new(serial, Gauge::new(&rule.kind));
        Self {
            generation: holder.generation,
            rules: Arc::clone(holder.rules),
            gauges: (0..).zip(holder.rules.iter()).map(kept).collect(),
            next_serial: u32::try_from(holder.rules.len()).unwrap_or(u32::MAX),
            shadowed: 0,
        }
    }

    pub(super) fn advance(&mut self, moment: &Moment) {
        for (rule, kept) in self.rules.iter().zip(&mut self.gauges) {
            kept.gauge.advance(&rule.kind, moment);
        }
    }

    fn look(&self, demand: &Demand<'_>, moment: &Moment) -> Result<(), Refusal> {
        let pairs = self.rules.iter().zip(&self.gauges).filter(|(rule, _)| rule.mode == Mode::Enforced);
        let refusals = pairs.filter_map(|(rule, kept)| kept.fits(rule, demand, moment).err());
        refusals.reduce(Refusal::and).map_or(Ok(()), Err)
    }

    /// Takes what fits; what a shadow limit refuses is counted, and not taken from it.
    fn take(&mut self, demand: &Demand<'_>, moment: &Moment) -> (Metered, Warnings) {
        let (mut metered, mut warnings) =
            (Metered { reserved: SmallVec::new(), slow_to: 100 }, Warnings::new());
        let mut shadowed = false;
        for (rule, kept) in self.rules.iter().zip(&mut self.gauges) {
            if kept.fits(rule, demand, moment).is_err() {
                shadowed = true;
                continue;
            }
            let units = demand.of(&rule.measure);
            let mark = kept.gauge.take(rule, units, moment);
            metered.reserved.push(Reserved { serial: kept.serial, epoch: kept.epoch, units, mark });
            warnings.extend(kept.warn(rule, moment));
            if let Some(slow_to) = kept.slow_to(rule, moment) {
                metered.slow_to = metered.slow_to.min(slow_to);
            }
        }
        self.shadowed += u64::from(shadowed);
        (metered, warnings)
    }

    fn find(&mut self, serial: u32) -> Option<(&Rule, &mut Kept)> {
        let pairs = self.rules.iter().zip(&mut self.gauges);
        pairs.into_iter().find(|(_, kept)| kept.serial == serial)
    }

    fn give_back(&mut self, reserved: &Reserved, units: u64, moment: &Moment) {
        if let Some((rule, kept)) = self.find(reserved.serial)
            && kept.epoch == reserved.epoch
        {
            kept.gauge.give_back(rule, units, reserved.mark, moment);
        }
    }

    fn settle(&mut self, reserved: &Reserved, actual: &Actual<'_>, moment: &Moment, warnings: &mut Warnings) {
        let Some((rule, kept)) = self.find(reserved.serial) else { return };
        let Some(actual) = actual.of(&rule.measure) else { return };
        if actual > reserved.units {
            kept.gauge.owe(rule, actual - reserved.units, moment);
            warnings.extend(kept.warn(rule, moment));
        } else {
            let less = reserved.units - actual;
            self.give_back(reserved, less, moment);
        }
    }

    fn follow_if_changed(&mut self, rules: &Arc<[Rule]>, moment: &Moment) {
        if !Arc::ptr_eq(&self.rules, rules) {
            self.follow(rules, moment);
        }
    }

    /// Other rules: each takes over from the one that it continues, else what was used of one that counts the same.
    pub(super) fn follow(&mut self, rules: &Arc<[Rule]>, moment: &Moment) {
        let old = std::mem::replace(&mut self.rules, Arc::clone(rules));
        let mut left: Vec<(&Rule, Kept)> = old.iter().zip(std::mem::take(&mut self.gauges)).collect();
        let mut gauges: Vec<Option<Kept>> = rules
            .iter()
            .map(|rule| {
                let place = left.iter().position(|(other, _)| rule.continues(other))?;
                let (other, mut kept) = left.remove(place);
                kept.gauge.advance(&other.kind, moment);
                kept.gauge.resize(other, rule);
                Some(kept)
            })
            .collect();
        for (rule, gauge) in rules.iter().zip(&mut gauges).filter(|(_, gauge)| gauge.is_none()) {
            *gauge = left.iter().position(|(other, _)| rule.counts_as(other)).map(|place| {
                let (other, kept) = left.remove(place);
                kept.reshaped(other, rule, moment)
            });
        }
        self.gauges = rules
            .iter()
            .zip(gauges)
            .map(|(rule, gauge)| {
                gauge.unwrap_or_else(|| {
                    self.next_serial = self.next_serial.wrapping_add(1);
                    Kept::new(self.next_serial, Gauge::new(&rule.kind))
                })
            })
            .collect();
    }
}

impl Metered {
    /// At how many percent of their speed the tenant's rates run for this request; 100 when nothing slows them.
    pub(crate) const fn slow_to(&self) -> u32 {
        self.slow_to
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{
        limit::{Cause, Kind, Measure},
        time::Time,
    };

    #[test]
    fn a_late_reader_leaves_the_slots_next_tenant_alone() {
        let rule = Rule {
            measure: Measure::Cost,
            kind: Kind::Sliding { amount: 10, part: 1_000 },
            cause: Cause::Budget,
            mode: Mode::Enforced,
            soft: None,
            warn: [].into(),
        };
        let (meter, rules): (Meter, Arc<[Rule]>) = (Meter::default(), [rule].into());
        let moment = Moment { uptime: Time::ZERO, unix: 0 };
        let (gone, new) = (Holder { generation: 1, rules: &rules }, Holder { generation: 2, rules: &rules });
        let demand = Demand { cost: 7, amounts: &[] };
        assert!(meter.reserve(new, &demand, &moment).is_ok());
        assert_eq!(meter.read(gone, &moment)[0].used, 0);
        assert_eq!(meter.read(new, &moment)[0].used, 7);
        assert!(meter.look(new, &demand, &moment).is_err());
        assert!(meter.is_clear(1, &moment) && !meter.is_clear(2, &moment));
    }
}

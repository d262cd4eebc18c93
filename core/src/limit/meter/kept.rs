//! A gauge that a meter keeps: what it refuses, slows and warns of.

use std::time::Duration;

use super::{
    gauge::Gauge,
    rule::{Demand, Kind, Measure, Mode, Moment, Rule},
};
use crate::limit::{Cause, Refusal};

/// A gauge and its name, which updates leave alone.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) gauge: Gauge,
    pub(super) serial: u32,
    /// Counts changes after which nothing from before can be given back.
    pub(super) epoch: u32,
    /// How many marks have been passed, and in which window.
    pub(super) warned: (usize, i64),
}

/// A mark that the use of a limit has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) measure: Measure,
    pub(crate) percent: u32,
    pub(crate) used: u64,
    pub(crate) amount: u64,
    /// Start and end in seconds since 1970, of a calendar window.
    pub(crate) window: Option<(i64, i64)>,
}

impl Kept {
    pub(super) const fn new(serial: u32, gauge: Gauge) -> Self {
        Self { gauge, serial, epoch: 0, warned: (0, 0) }
    }

    pub(super) fn fits(&self, rule: &Rule, demand: &Demand<'_>, moment: &Moment) -> Result<(), Refusal> {
        let units = demand.of(&rule.measure);
        if units > rule.most() {
            return Err(Refusal::TooCostly(rule.most()));
        }
        let refused = |wait: Duration| match rule.cause {
            Cause::Rate => Refusal::Wait(wait),
            Cause::Budget => Refusal::Spent(wait),
        };
        self.gauge.fits(rule, units, moment).map_err(refused)
    }

    /// What was used under another rule, as used just now under this one.
    pub(super) fn reshaped(mut self, old: &Rule, new: &Rule, moment: &Moment) -> Self {
        self.gauge.advance(&old.kind, moment);
        let (used, _) = self.gauge.used(old, moment);
        self.gauge = Gauge::new(&new.kind);
        self.gauge.advance(&new.kind, moment);
        self.gauge.owe(new, used, moment);
        Self { epoch: self.epoch.wrapping_add(1), ..self }
    }

    /// The marks that have just been passed: each once in a calendar window, else each time that the use has been below it.
    pub(super) fn warn(&mut self, rule: &Rule, moment: &Moment) -> Option<Warning> {
        if rule.warn.is_empty() {
            return None;
        }
        let (used, amount) = self.gauge.used(rule, moment);
        let window = self.gauge.bounds();
        let passed = rule.warn.iter().take_while(|&&percent| is_past(used, amount, percent)).count();
        let start = window.map_or(0, |(start, _)| start);
        let before = if self.warned.1 == start { self.warned.0 } else { 0 };
        let kept = if window.is_some() { before.max(passed) } else { passed };
        self.warned = (kept, start);
        let percent = *rule.warn.get(passed.checked_sub(1)?)?;
        (passed > before).then(|| Warning { measure: rule.measure.clone(), percent, used, amount, window })
    }

    pub(super) fn slow_to(&self, rule: &Rule, moment: &Moment) -> Option<u32> {
        let soft = rule.soft?;
        let (used, amount) = self.gauge.used(rule, moment);
        let slow = rule.mode == Mode::Enforced && is_past(used, amount, soft.at);
        slow.then_some(soft.slow_to)
    }
}

impl Rule {
    /// The most that one request may ever ask for.
    const fn most(&self) -> u64 {
        match &self.kind {
            Kind::Window { amount, carry_over, .. } => amount.saturating_add(*carry_over),
            _ => self.amount(),
        }
    }

    /// Whether what was used of `other` says something of this one, too.
    pub(super) fn counts_as(&self, other: &Self) -> bool {
        self.measure == other.measure
            && self.cause == other.cause
            && std::mem::discriminant(&self.kind) == std::mem::discriminant(&other.kind)
    }
}

fn is_past(used: u64, amount: u64, percent: u32) -> bool {
    u128::from(used) * 100 >= u128::from(amount) * u128::from(percent)
}

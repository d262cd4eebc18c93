//! Budgets as they are configured.

use std::time::Duration;

use super::{ConfigError, RateUnit, error::quoted};
use crate::limit::{Calendar, MONDAY, Span};

/// Over what a budget is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetPeriod {
    /// Each minute of the time zone.
    Minute,
    /// Each hour of the time zone.
    Hour,
    /// Each day of the time zone.
    Day,
    /// Each week of the time zone.
    Week,
    /// Each month of the time zone.
    Month,
    /// Each year of the time zone.
    Year,
    /// Any stretch of time of this length, from 32 ns to 366 days: what was used comes back after it, at most 1/32 of it late.
    Rolling(Duration),
}

/// So much per calendar window, or per stretch of time.
///
/// In the document: `{ cost = 5000000, per = "month", time_zone = "Europe/Rome", anchor_day = 1 }`, or with a duration such as
/// `per = "30d"` for one that rolls.
///
/// What a request declares is reserved; what it really used is settled at its end. More than declared is owed, also beyond the window: a budget
/// that is overdrawn by settlements starts its next window with the debt. A budget counts from the first request on.
///
/// ```
/// use tenantry::{Budget, BudgetPeriod};
///
/// let budget = Budget::cost(5_000_000, BudgetPeriod::Month)
///     .with_time_zone("Europe/Rome")
///     .with_anchor_day(15)
///     .with_warnings([50, 90])
///     .with_soft_limit(80, 25);
/// assert_eq!(budget.amount(), 5_000_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    unit: RateUnit,
    amount: u64,
    period: BudgetPeriod,
    time_zone: Option<String>,
    anchor_day: Option<u32>,
    warnings: Vec<u32>,
    carry_over: u32,
    soft: Option<(u32, u32)>,
    shadow: bool,
}

impl Budget {
    /// So many requests per period.
    #[must_use]
    pub fn requests(amount: u64, period: BudgetPeriod) -> Self {
        Self::of(RateUnit::Requests, amount, period)
    }

    /// So much cost per period.
    #[must_use]
    pub fn cost(amount: u64, period: BudgetPeriod) -> Self {
        Self::of(RateUnit::Cost, amount, period)
    }

    /// So much of anything that is counted per period.
    #[must_use]
    pub fn of(unit: RateUnit, amount: u64, period: BudgetPeriod) -> Self {
        Self {
            unit,
            amount,
            period,
            time_zone: None,
            anchor_day: None,
            warnings: vec![80, 100],
            carry_over: 0,
            soft: None,
            shadow: false,
        }
    }

    /// Whose calendar it goes by: an IANA name. Default `UTC`.
    #[must_use]
    pub fn with_time_zone(mut self, name: impl Into<String>) -> Self {
        self.time_zone = Some(name.into());
        self
    }

    /// The day on which a month begins, 1 to 31 (in a shorter month, its last day), or a week, 1 for Monday to 7. Default 1.
    #[must_use]
    pub const fn with_anchor_day(mut self, day: u32) -> Self {
        self.anchor_day = Some(day);
        self
    }

    /// The marks, in percent of the amount, at which [`Event::BudgetWarning`](crate::Event::BudgetWarning) is due. Default 80 and 100.
    #[must_use]
    pub fn with_warnings(mut self, percent: impl IntoIterator<Item = u32>) -> Self {
        self.warnings = percent.into_iter().collect();
        self
    }

    /// How much of what one window leaves over the next one has more, in percent of the amount: at most 100. Default 0. Not for budgets that
    /// roll.
    #[must_use]
    pub const fn with_carry_over(mut self, percent: u32) -> Self {
        self.carry_over = percent;
        self
    }

    /// A soft limit beside the hard one: once `at` percent are used, the tenant's own rates run at `slow_to` percent of their speed. Needs a rate
    /// beside it.
    #[must_use]
    pub const fn with_soft_limit(mut self, at: u32, slow_to: u32) -> Self {
        self.soft = Some((at, slow_to));
        self
    }

    /// In shadow mode: what it would refuse is [counted](crate::TenantStats::shadow_rejected), and passes.
    #[must_use]
    pub const fn in_shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// What it counts.
    #[must_use]
    pub const fn unit(&self) -> &RateUnit {
        &self.unit
    }

    /// How much per period.
    #[must_use]
    pub const fn amount(&self) -> u64 {
        self.amount
    }

    /// The period.
    #[must_use]
    pub const fn period(&self) -> BudgetPeriod {
        self.period
    }

    /// Whose calendar it goes by, where that is said.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    /// The day on which a month or a week begins, where that is said.
    #[must_use]
    pub const fn anchor_day(&self) -> Option<u32> {
        self.anchor_day
    }

    /// How much of what is left over the next window has more, in percent.
    #[must_use]
    pub const fn carry_over(&self) -> u32 {
        self.carry_over
    }

    /// The marks at which to warn.
    #[must_use]
    pub fn warnings(&self) -> &[u32] {
        &self.warnings
    }

    /// From how many percent on the rates run at how many percent.
    #[must_use]
    pub const fn soft_limit(&self) -> Option<(u32, u32)> {
        self.soft
    }

    /// Whether it is in shadow mode.
    #[must_use]
    pub const fn is_shadow(&self) -> bool {
        self.shadow
    }

    /// How much the next window may have more.
    #[expect(clippy::cast_possible_truncation, reason = "validated: at most the amount")]
    pub(crate) fn carried(&self) -> u64 {
        (u128::from(self.amount) * u128::from(self.carry_over.min(100)) / 100) as u64
    }

    /// Its calendar; `None` where it rolls, or has not been validated.
    pub(crate) fn calendar(&self) -> Option<Calendar> {
        let anchor = self.anchor_day.and_then(|day| i8::try_from(day).ok()).unwrap_or(MONDAY);
        Calendar::new(self.span()?, self.time_zone.as_deref().unwrap_or("UTC"), anchor)
    }

    const fn span(&self) -> Option<Span> {
        Some(match self.period {
            BudgetPeriod::Minute => Span::Minute,
            BudgetPeriod::Hour => Span::Hour,
            BudgetPeriod::Day => Span::Day,
            BudgetPeriod::Week => Span::Week,
            BudgetPeriod::Month => Span::Month,
            BudgetPeriod::Year => Span::Year,
            BudgetPeriod::Rolling(_) => return None,
        })
    }

    pub(super) fn validate(&self, path: &str, has_rate: bool) -> Result<(), ConfigError> {
        let wrong = |field: &str, value: String, fix: &str| {
            Err(ConfigError::new(format!("{path}.{field}"), value, fix))
        };
        if self.amount == 0 || self.amount > MOST {
            return wrong(
                self.unit.key(),
                self.amount.to_string(),
                "give from 1 to 9 000 000 000 000 000 000",
            );
        }
        if let BudgetPeriod::Rolling(period) = self.period {
            if period < SHORTEST || period > LONGEST {
                return wrong("per", quoted(&format!("{period:?}")), "give a duration from 32ns to 366d");
            }
            if self.time_zone.is_some() || self.anchor_day.is_some() || self.carry_over > 0 {
                let fix = "leave out time_zone, anchor_day and carry_over, or give a calendar period such as \"month\"";
                return wrong("per", quoted(&format!("{period:?}")), fix);
            }
        }
        let latest = match self.period {
            BudgetPeriod::Month => 31,
            BudgetPeriod::Week => 7,
            _ => 0,
        };
        if let Some(day) = self.anchor_day.filter(|day| !(1..=latest).contains(day)) {
            let fix = match latest {
                0 => "leave it out: only weeks (1 is Monday) and months have one".to_owned(),
                _ => format!("give a day from 1 to {latest}"),
            };
            return wrong("anchor_day", day.to_string(), &fix);
        }
        if self.span().is_some() && self.calendar().is_none() {
            let zone = quoted(self.time_zone.as_deref().unwrap_or_default());
            return wrong("time_zone", zone, "name an IANA time zone, such as \"Europe/Rome\"");
        }
        self.validate_marks(path, has_rate)
    }

    fn validate_marks(&self, path: &str, has_rate: bool) -> Result<(), ConfigError> {
        let wrong = |field: &str, value: String, fix: &str| {
            Err(ConfigError::new(format!("{path}.{field}"), value, fix))
        };
        let ascending = self.warnings.is_sorted_by(|one, next| one < next);
        if !ascending
            || self.warnings.len() > 8
            || self.warnings.iter().any(|mark| !(1..=1_000).contains(mark))
        {
            let fix = "give at most 8 percentages from 1 to 1000, ascending";
            return wrong("warn", format!("{:?}", self.warnings), fix);
        }
        if self.carry_over > 100 {
            return wrong("carry_over", self.carry_over.to_string(), "give a percentage from 0 to 100");
        }
        match self.soft {
            Some((at, _)) if !(1..=100).contains(&at) => {
                wrong("soft.at", at.to_string(), "give a percentage from 1 to 100")
            }
            Some((_, slow_to)) if !(1..=99).contains(&slow_to) => {
                wrong("soft.slow_to", slow_to.to_string(), "give a percentage from 1 to 99")
            }
            Some(_) if !has_rate => {
                wrong("soft", String::new(), "add a rate by requests or cost: there is none to slow")
            }
            _ => Ok(()),
        }
    }
}

/// What debts may be added to without overflow.
const MOST: u64 = 9_000_000_000_000_000_000;
const SHORTEST: Duration = Duration::from_nanos(32);
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

//! Tenants and their limits.

use std::time::Duration;

use serde_json::Value;

use super::{Entries, time};
use crate::config::{Amount, Budget, BudgetPeriod, Grant, Rate, SeatsSpec, TenantSpec};

impl From<&TenantSpec> for Entries {
    fn from(spec: &TenantSpec) -> Self {
        let cap = match (spec.max_in_flight(), spec.shadow_max_in_flight()) {
            (None, Some(limit)) => Some(Self::new().with("limit", limit).with("shadow", true).into()),
            (enforced, _) => enforced.map(Value::from),
        };
        let pools = spec.pools().map(|grants| grants.iter().map(grant).collect::<Vec<Value>>());
        let seats = spec.seats();
        Self::new()
            .with("weight", spec.weight())
            .with("rate", rates(spec.rates()))
            .with("budget", spec.budgets().iter().map(budget).collect::<Vec<Value>>())
            .with_some("max_in_flight", cap)
            .with_some("pools", pools)
            .with_some("parent", spec.parent())
            .with_some("seats", (!seats.is_none()).then(|| share(seats)))
            .with_some("shard", spec.shard())
    }
}

pub(super) fn rates(rates: &[Rate]) -> Vec<Value> {
    rates.iter().map(rate).collect()
}

fn rate(rate: &Rate) -> Value {
    let entries = Entries::new().with(rate.unit().key(), rate.amount()).with("per", time(rate.period()));
    let entries = if rate.is_sliding() { entries.with("window", "sliding") } else { entries };
    // A window that slides takes no burst; one that is given all the same is for validation to refuse.
    let burst = (rate.has_burst() || !rate.is_sliding()).then(|| rate.burst());
    entries.with_some("burst", burst).with("shadow", rate.is_shadow()).into()
}

fn budget(budget: &Budget) -> Value {
    let period = match budget.period() {
        BudgetPeriod::Minute => "minute".to_owned(),
        BudgetPeriod::Hour => "hour".to_owned(),
        BudgetPeriod::Day => "day".to_owned(),
        BudgetPeriod::Week => "week".to_owned(),
        BudgetPeriod::Month => "month".to_owned(),
        BudgetPeriod::Year => "year".to_owned(),
        BudgetPeriod::Rolling(period) => time(period),
    };
    let percent = |number: u32| format!("{number}%");
    let soft = budget
        .soft_limit()
        .map(|(at, slow_to)| Entries::new().with("at", percent(at)).with("slow_to", percent(slow_to)));
    let is_rolling = matches!(budget.period(), BudgetPeriod::Rolling(_));
    let zone = budget.time_zone().or_else(|| (!is_rolling).then_some("UTC"));
    Entries::new()
        .with(budget.unit().key(), budget.amount())
        .with("per", period)
        .with_some("time_zone", zone)
        .with_some("anchor_day", budget.anchor_day())
        .with("warn", budget.warnings().iter().copied().map(percent).collect::<Vec<String>>())
        .with("carry_over", percent(budget.carry_over()))
        .with_some("soft", soft)
        .with("shadow", budget.is_shadow())
        .into()
}

fn grant(grant: &Grant) -> Value {
    let entries = Entries::new().with("pool", grant.pool());
    let from = (!grant.starts().is_zero()).then(|| moment(grant.starts()));
    entries.with_some("from", from).with_some("until", grant.ends().map(moment)).into()
}

/// By RFC 3339; what lies beyond that calendar is its last moment.
fn moment(unix: Duration) -> String {
    let moment = i64::try_from(unix.as_secs()).ok().and_then(|seconds| {
        let nanos = i32::try_from(unix.subsec_nanos()).ok()?;
        jiff::Timestamp::new(seconds, nanos).ok()
    });
    moment.unwrap_or(jiff::Timestamp::MAX).to_string()
}

fn share(seats: SeatsSpec) -> Entries {
    let amount = |amount: Option<Amount>| {
        amount.map(|amount| match amount {
            Amount::Seats(seats) => Value::from(seats),
            Amount::Percent(percent) => format!("{percent}%").into(),
        })
    };
    Entries::new()
        .with_some("guaranteed", amount(seats.guaranteed()))
        .with_some("lendable", amount(seats.lendable()))
        .with_some("max", amount(seats.max()))
}

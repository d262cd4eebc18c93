//! Rates, budgets and caps as the document writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{
    Budget, BudgetPeriod, Rate, RateUnit,
    rate::parse_duration,
    short::{Period, ShortForm},
};

/// How much of what: one key beside the others, which are known.
type Counted = BTreeMap<String, u64>;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct RateTable {
    per: Period,
    burst: Option<u64>,
    window: Option<WindowKind>,
    #[serde(default)]
    shadow: bool,
    #[serde(flatten)]
    counted: Counted,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum WindowKind {
    #[serde(rename = "sliding")]
    Sliding,
}

impl ShortForm for Rate {
    type Table = RateTable;
    const EXPECTED: &'static str =
        "a rate such as \"100/s\", or a table { requests = 100, per = \"1s\", burst = 20 }";

    fn from_table(table: RateTable) -> Result<Self, String> {
        let (unit, amount) = only(table.counted, "per, burst, window, shadow")?;
        let mut rate = Self::of(unit, amount, table.per.0);
        if let Some(burst) = table.burst {
            rate = rate.with_burst(burst);
        }
        if matches!(table.window, Some(WindowKind::Sliding)) {
            rate = rate.with_sliding_window();
        }
        Ok(if table.shadow { rate.in_shadow() } else { rate })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct BudgetTable {
    per: Over,
    time_zone: Option<String>,
    anchor_day: Option<u32>,
    warn: Option<Vec<Percent>>,
    carry_over: Option<Percent>,
    soft: Option<SoftTable>,
    #[serde(default)]
    shadow: bool,
    #[serde(flatten)]
    counted: Counted,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table { at = \"80%\", slow_to = \"25%\" }")]
struct SoftTable {
    at: Percent,
    slow_to: Percent,
}

impl ShortForm for Budget {
    type Table = BudgetTable;
    const EXPECTED: &'static str =
        "a table { cost = 5000000, per = \"month\", time_zone = \"Europe/Rome\", anchor_day = 1 }";

    fn from_table(table: BudgetTable) -> Result<Self, String> {
        let keys = "per, time_zone, anchor_day, warn, carry_over, soft, shadow";
        let (unit, amount) = only(table.counted, keys)?;
        let mut budget = Self::of(unit, amount, table.per.0);
        if let Some(zone) = table.time_zone {
            budget = budget.with_time_zone(zone);
        }
        if let Some(day) = table.anchor_day {
            budget = budget.with_anchor_day(day);
        }
        if let Some(marks) = table.warn {
            budget = budget.with_warnings(marks.into_iter().map(|Percent(mark)| mark));
        }
        if let Some(Percent(share)) = table.carry_over {
            budget = budget.with_carry_over(share);
        }
        if let Some(SoftTable { at: Percent(at), slow_to: Percent(slow_to) }) = table.soft {
            budget = budget.with_soft_limit(at, slow_to);
        }
        Ok(if table.shadow { budget.in_shadow() } else { budget })
    }

    fn from_text(_text: &str) -> Result<Self, String> {
        Err(format!("give {}", Self::EXPECTED))
    }
}

/// A budget's period.
pub(super) struct Over(BudgetPeriod);

impl<'de> Deserialize<'de> for Over {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let period = match &*text {
            "minute" => BudgetPeriod::Minute,
            "hour" => BudgetPeriod::Hour,
            "day" => BudgetPeriod::Day,
            "week" => BudgetPeriod::Week,
            "month" => BudgetPeriod::Month,
            "year" => BudgetPeriod::Year,
            other => BudgetPeriod::Rolling(parse_duration(other).ok_or_else(|| {
                let expected =
                    "minute, hour, day, week, month or year, or a duration such as \"30d\" for a budget that rolls";
                serde::de::Error::custom(format!("{other:?} is no period: give {expected}"))
            })?),
        };
        Ok(Self(period))
    }
}

/// A share written as `"80%"`.
pub(super) struct Percent(u32);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.strip_suffix('%').and_then(|number| number.trim().parse().ok());
        let wrong = || serde::de::Error::custom(format!("{text:?} is no share: write it as \"80%\""));
        number.map(Self).ok_or_else(wrong)
    }
}

/// A cap: a number, or a table `{ limit = 64, shadow = true }`.
#[derive(Default)]
pub(super) struct Cap {
    pub(super) enforced: Option<u32>,
    pub(super) shadow: Option<u32>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct CapTable {
    limit: u32,
    #[serde(default)]
    shadow: bool,
}

impl ShortForm for Cap {
    type Table = CapTable;
    const EXPECTED: &'static str = "a number of requests, or a table { limit = 64, shadow = true }";

    fn from_table(CapTable { limit, shadow }: CapTable) -> Result<Self, String> {
        Ok(if shadow {
            Self { enforced: None, shadow: Some(limit) }
        } else {
            Self { enforced: Some(limit), shadow: None }
        })
    }

    fn from_text(_text: &str) -> Result<Self, String> {
        Err(format!("give {}", Self::EXPECTED))
    }

    fn from_number(number: u64) -> Result<Self, String> {
        let enforced = u32::try_from(number).map_err(|_| "give at most 1048575".to_owned())?;
        Ok(Self { enforced: Some(enforced), shadow: None })
    }
}

/// The one thing that a limit counts.
fn only(counted: Counted, keys: &str) -> Result<(RateUnit, u64), String> {
    let names: Vec<&str> = counted.keys().map(String::as_str).collect();
    if let [_] = names[..] {
        let (name, amount) = counted.into_iter().next().ok_or("give an amount")?;
        let unit = match &*name {
            "requests" => RateUnit::Requests,
            "cost" => RateUnit::Cost,
            _ => RateUnit::Dimension(name.into()),
        };
        return Ok((unit, amount));
    }
    let one = format!("give exactly one of requests, cost or a dimension, beside the keys {keys}");
    let known = |name: &&str| ["requests", "cost"].contains(name);
    let stranger = names.iter().find(|name| !known(name)).filter(|_| names.iter().any(known));
    Err(match (stranger, &names[..]) {
        (Some(stranger), _) => format!("{one}; {stranger} is one too many, or misspelt"),
        (None, []) => one,
        (None, several) => format!("{one}; found are {}", several.join(", ")),
    })
}

//! What is counted beside requests and cost: names that the configuration declares.

use super::{ConfigError, error::quoted};

pub(super) fn validate(dimensions: &[String]) -> Result<(), ConfigError> {
    let usable = |name: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !name.is_empty() && name.len() <= 64 && name.chars().all(letter) && !LIMIT_KEYS.contains(&name)
    };
    if let Some(at) = dimensions.iter().position(|name| !usable(name)) {
        let fix = "give a name of letters, digits and _ that is no key of a rate or a budget";
        return Err(ConfigError::new(format!("dimensions[{at}]"), quoted(&dimensions[at]), fix));
    }
    let twice = |&at: &usize| dimensions[..at].contains(&dimensions[at]);
    if let Some(at) = (0..dimensions.len()).find(twice) {
        let fix = "name each dimension once";
        return Err(ConfigError::new(format!("dimensions[{at}]"), quoted(&dimensions[at]), fix));
    }
    if dimensions.len() > MOST_DIMENSIONS {
        let fix = format!("give at most {MOST_DIMENSIONS}");
        return Err(ConfigError::new("dimensions", format!("{} names", dimensions.len()), fix));
    }
    Ok(())
}

const MOST_DIMENSIONS: usize = 8;
/// The keys of rates and budgets: a dimension stands among them.
const LIMIT_KEYS: [&str; 11] = [
    "requests",
    "cost",
    "per",
    "burst",
    "window",
    "shadow",
    "soft",
    "warn",
    "carry_over",
    "time_zone",
    "anchor_day",
];

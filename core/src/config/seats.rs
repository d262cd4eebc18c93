//! A tenant's share of a pool's seats.

use std::{fmt, str::FromStr};

use super::{ConfigError, error::quoted};

/// So many seats, or a percentage of a pool's capacity. In the document: `4` or `"25%"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Amount {
    /// So many.
    Seats(u32),
    /// A percentage of the capacity of the moment, rounded down.
    Percent(u8),
}

/// The seats of each pool that a tenant is guaranteed, and the most that it may have. In the document:
/// `seats = { guaranteed = 4, lendable = 2, max = "50%" }`.
///
/// Below its guarantee a tenant goes before all who are at or above theirs. What it lends of the guarantee others use while it does not;
/// it gets the seats back as they come free. What it does not lend stays free for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeatsSpec {
    guaranteed: Option<Amount>,
    lendable: Option<Amount>,
    max: Option<Amount>,
}

impl SeatsSpec {
    /// No guarantee and no bound.
    #[must_use]
    pub const fn none() -> Self {
        Self { guaranteed: None, lendable: None, max: None }
    }

    /// The seats that it gets before others. Default: none.
    #[must_use]
    pub const fn with_guaranteed(mut self, amount: Amount) -> Self {
        self.guaranteed = Some(amount);
        self
    }

    /// How much of the guarantee others may use while it does not. Default: all of it.
    #[must_use]
    pub const fn with_lendable(mut self, amount: Amount) -> Self {
        self.lendable = Some(amount);
        self
    }

    /// The most seats that it may hold. Default: as many as there are.
    #[must_use]
    pub const fn with_max(mut self, amount: Amount) -> Self {
        self.max = Some(amount);
        self
    }

    /// The guarantee.
    #[must_use]
    pub const fn guaranteed(&self) -> Option<Amount> {
        self.guaranteed
    }

    /// What of the guarantee is lent.
    #[must_use]
    pub const fn lendable(&self) -> Option<Amount> {
        self.lendable
    }

    /// The bound.
    #[must_use]
    pub const fn max(&self) -> Option<Amount> {
        self.max
    }

    /// Whether it says nothing.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.guaranteed.is_none() && self.lendable.is_none() && self.max.is_none()
    }

    /// Whether seats stay free for it.
    pub(crate) const fn reserves(&self) -> bool {
        self.guaranteed.is_some() && self.lendable.is_some()
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let fields = [("guaranteed", self.guaranteed), ("lendable", self.lendable), ("max", self.max)];
        for (field, amount) in fields {
            if let Some(amount @ Amount::Percent(101..)) = amount {
                let fix = "give at most \"100%\"";
                return Err(ConfigError::new(format!("{path}.{field}"), amount.written(), fix));
            }
        }
        match (self.guaranteed, self.lendable, self.max) {
            (None, Some(lendable), _) => {
                let fix = "give a guaranteed amount to lend from, or leave it out";
                Err(ConfigError::new(format!("{path}.lendable"), lendable.written(), fix))
            }
            (_, _, Some(max @ (Amount::Seats(0) | Amount::Percent(0)))) => {
                let fix = "give at least 1; to keep a tenant out of a pool, leave the pool out of its pools";
                Err(ConfigError::new(format!("{path}.max"), max.written(), fix))
            }
            (Some(guaranteed), _, Some(max)) if guaranteed.exceeds(max) => {
                let fix = format!("give at most the max, {max}");
                Err(ConfigError::new(format!("{path}.guaranteed"), guaranteed.written(), fix))
            }
            (Some(guaranteed), Some(lendable), _) if lendable.exceeds(guaranteed) => {
                let fix = format!("give at most the guaranteed, {guaranteed}");
                Err(ConfigError::new(format!("{path}.lendable"), lendable.written(), fix))
            }
            _ => Ok(()),
        }
    }
}

impl Amount {
    /// In seats, at a capacity.
    pub(crate) fn of(self, capacity: u32) -> u32 {
        match self {
            Self::Seats(seats) => seats,
            Self::Percent(percent) => {
                u32::try_from(u64::from(capacity) * u64::from(percent) / 100).unwrap_or(u32::MAX)
            }
        }
    }

    /// As the document has it.
    fn written(self) -> String {
        match self {
            Self::Seats(seats) => seats.to_string(),
            Self::Percent(_) => quoted(&self.to_string()),
        }
    }

    /// Whether it is more, at every capacity.
    const fn exceeds(self, other: Self) -> bool {
        match (self, other) {
            (Self::Seats(one), Self::Seats(other)) => one > other,
            (Self::Percent(one), Self::Percent(other)) => one > other,
            _ => false,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seats(seats) => seats.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text.strip_suffix('%').and_then(|number| number.parse::<u8>().ok());
        percent.map(Self::Percent).ok_or_else(|| format!("give {EXPECTED_AMOUNT}"))
    }
}

pub(super) const EXPECTED_AMOUNT: &str = "a number of seats, or a percentage of the capacity such as \"25%\"";

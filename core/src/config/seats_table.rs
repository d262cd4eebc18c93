//! A tenant's share of the seats, as the document writes it.

use serde::Deserialize;

use super::{
    Amount, SeatsSpec,
    seats::EXPECTED_AMOUNT,
    short::{Short, ShortForm},
};

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table of guaranteed, lendable and max")]
pub(super) struct SeatsTable {
    guaranteed: Option<Short<Amount>>,
    lendable: Option<Short<Amount>>,
    max: Option<Short<Amount>>,
}

impl From<SeatsTable> for SeatsSpec {
    fn from(table: SeatsTable) -> Self {
        let mut spec = Self::none();
        if let Some(Short(amount)) = table.guaranteed {
            spec = spec.with_guaranteed(amount);
        }
        if let Some(Short(amount)) = table.lendable {
            spec = spec.with_lendable(amount);
        }
        match table.max {
            Some(Short(amount)) => spec.with_max(amount),
            None => spec,
        }
    }
}

/// Nothing is written as a table of its own.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NoTable {}

impl ShortForm for Amount {
    type Table = NoTable;
    const EXPECTED: &'static str = EXPECTED_AMOUNT;

    fn from_table(_: NoTable) -> Result<Self, String> {
        Err(format!("give {}", Self::EXPECTED))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn from_number(number: u64) -> Result<Self, String> {
        u32::try_from(number).map(Self::Seats).map_err(|_| format!("give {}", Self::EXPECTED))
    }
}

//! How values are written: tables, short forms of tables, durations.

use std::{fmt, marker::PhantomData, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::rate::parse_duration;

/// What is written as a table and as nothing else (serde would take a list for a structure, too).
pub(super) struct Table<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData)).map(Self)
    }
}

impl<T: Default> Default for Table<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(entries))
    }
}

/// A duration as text: a whole number and a unit.
pub(super) struct Period(pub(super) Duration);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PeriodVisitor;
        impl Visitor<'_> for PeriodVisitor {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"5s\" (units: ns, us, ms, s, m, h, d)")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Period, E> {
                let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                parse_duration(text).map(Period).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_str(PeriodVisitor)
    }
}

/// What can be written short, as text or a number, and in full, as a table.
pub(super) trait ShortForm: Sized {
    /// The full form.
    type Table: for<'de> Deserialize<'de>;
    /// What to write, for errors.
    const EXPECTED: &'static str;

    fn from_table(table: Self::Table) -> Result<Self, String>;

    fn from_text(text: &str) -> Result<Self, String>;

    fn from_fraction(_number: f64) -> Result<Self, String> {
        Err(format!("give {}", Self::EXPECTED))
    }

    fn from_number(_number: u64) -> Result<Self, String> {
        Err(format!("give {}", Self::EXPECTED))
    }
}

pub(super) struct Short<T>(pub(super) T);

impl<'de, T: ShortForm> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortVisitor(PhantomData)).map(Self)
    }
}

pub(super) struct ShortVisitor<T>(pub(super) PhantomData<T>);

impl<'de, T: ShortForm> Visitor<'de> for ShortVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        T::from_number(number).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        T::from_fraction(number).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        let table = T::Table::deserialize(MapAccessDeserializer::new(entries))?;
        T::from_table(table).map_err(A::Error::custom)
    }
}

pub(super) fn short_or_table<'de, D: Deserializer<'de>, T: ShortForm>(
    deserializer: D,
) -> Result<T, D::Error> {
    Short::deserialize(deserializer).map(|short| short.0)
}

//! A rule that can be switched off.

use std::{fmt, marker::PhantomData};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A table, or `"off"`.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(with = "SwitchForm<T>")]
pub(crate) enum Switch<T> {
    Off,
    On(T),
}

impl<T> Switch<T> {
    /// Another table in place of this one, where there is one.
    pub(crate) fn map<U>(self, other: impl FnOnce(T) -> U) -> Switch<U> {
        match self {
            Self::Off => Switch::Off,
            Self::On(table) => Switch::On(other(table)),
        }
    }
}

/// Both ways to write it.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum SwitchForm<T> {
    Word(Off),
    Table(T),
}

#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Off {
    Off,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OffOrTable(PhantomData))
    }
}

struct OffOrTable<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OffOrTable<T> {
    type Value = Switch<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table, or \"off\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Switch<T>, E> {
        match text {
            "off" => Ok(Switch::Off),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Switch<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Switch::On)
    }
}

impl<T: Serialize> Serialize for Switch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => Off::Off.serialize(serializer),
            Self::On(table) => table.serialize(serializer),
        }
    }
}

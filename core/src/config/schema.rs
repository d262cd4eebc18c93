//! The document's shape as JSON Schema, for editors: made of the tables that read it.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;

use super::{
    Amount, Budget, CapacitySpec, Config, CooldownSpec, EndpointSpec, FailurePercentageSpec, Grant,
    HealthCheckSpec, LatencyOutlierSpec, Rate, SlowStartSpec, StrategySpec, SuccessRateSpec, UnknownTenants,
    attempts_table::Ratio,
    document::Document,
    health_check::Statuses,
    limit_tables::{Cap, Over, Percent},
    outlier_table::Rule,
    short::{Period, Short, ShortForm, Table},
    strategy_table::Factor,
};

impl Config {
    /// The JSON Schema (draft 2020-12) of the document, for editors and other tools. What it refuses, [`from_text`](Self::from_text) refuses, too; that one also checks
    /// bounds, and that names name something. The table `gateway`, which is not the core's, may hold anything.
    ///
    /// ```
    /// let schema = tenantry::Config::schema();
    /// assert!(schema["properties"]["pools"].is_object());
    /// ```
    #[must_use]
    pub fn schema() -> Value {
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document>().into()
    }
}

/// How the short forms look.
trait ShortSchema: ShortForm {
    fn short() -> Vec<Schema>;
}

impl<T: ShortSchema<Table: JsonSchema>> JsonSchema for Short<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::Table::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut forms = T::short();
        forms.push(generator.subschema_for::<T::Table>());
        json_schema!({ "anyOf": forms, "description": T::EXPECTED })
    }
}

impl<T: JsonSchema> JsonSchema for Table<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// One of something, or a list of it.
pub(super) struct OneOrList<T>(PhantomData<T>);

impl<T: ShortSchema<Table: JsonSchema>> JsonSchema for OneOrList<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::Table::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Short<T>>();
        let list = generator.subschema_for::<Vec<Short<T>>>();
        json_schema!({ "anyOf": [one, list] })
    }
}

/// What is written as text or numbers alone.
macro_rules! plain {
    ($($type:ty, $name:literal => $schema:tt);+ $(;)?) => {
        $(impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })+
    };
}

plain! {
    Period, "Duration" => { "type": "string", "pattern": DURATION, "description": "a whole number and a unit: ns, us, ms, s, m, h, d" };
    Over, "Period" => { "anyOf": [{ "enum": ["minute", "hour", "day", "week", "month", "year"] }, { "type": "string", "pattern": DURATION }] };
    Percent, "Percent" => { "type": "string", "pattern": PERCENT };
    Ratio, "Ratio" => { "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": PERCENT }] };
}

/// The short forms of each type.
macro_rules! short {
    ($($type:ty => [$($schema:tt),*]);+ $(;)?) => {
        $(impl ShortSchema for $type {
            fn short() -> Vec<Schema> {
                vec![$(json_schema!($schema)),*]
            }
        })+
    };
}

short! {
    Amount => [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": PERCENT }];
    Budget => [];
    Cap => [{ "type": "integer", "minimum": 0 }];
    CapacitySpec => [{ "const": "adaptive" }, { "type": "integer", "minimum": 1 }];
    CooldownSpec => [{ "const": "off" }, { "type": "string", "pattern": DURATION }];
    EndpointSpec => [{ "type": "string" }];
    Factor => [{ "type": "number" }, { "type": "string", "pattern": PERCENT }];
    Grant => [{ "type": "string" }];
    HealthCheckSpec => [{ "type": "string" }];
    Rate => [{ "type": "string", "pattern": RATE }];
    Rule<FailurePercentageSpec> => [{ "const": "off" }, { "type": "integer", "minimum": 0 }];
    Rule<LatencyOutlierSpec> => [{ "const": "off" }];
    Rule<SuccessRateSpec> => [{ "const": "off" }];
    SlowStartSpec => [{ "type": "string", "pattern": DURATION }];
    Statuses => [{ "type": "integer", "minimum": 100, "maximum": 599 }, { "type": "string", "pattern": "^\\s*[0-9]{3}\\s*-\\s*[0-9]{3}\\s*$" }];
    StrategySpec => [{ "enum": ["p2c", "least_loaded", "round_robin", "random", "weighted", "ketama", "ring", "maglev", "rendezvous", "prequal"] }];
    UnknownTenants => [{ "const": "reject" }];
}

const DURATION: &str = "^[0-9]+\\s*(ns|us|µs|ms|s|m|h|d)\\s*$";
const PERCENT: &str = "^\\s*[0-9]+(\\.[0-9]+)?\\s*%$";
const RATE: &str = "^\\s*[0-9]+\\s*/\\s*([0-9]+\\s*)?(ns|us|µs|ms|s|m|h|d)\\s*$";

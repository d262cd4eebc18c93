//! `schema`: the whole document's JSON Schema.

use schemars::generate::SchemaSettings;
use serde_json::Value;
use tenantry::Config;

use crate::config::Settings;

/// The core's schema, with the gateway's table in it.
#[must_use]
pub fn schema() -> Value {
    let mut schema = Config::schema();
    // The gateway's own tables stand in place: their names would meet the core's.
    let inline = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut gateway = Value::from(inline.into_generator().into_root_schema_for::<Settings>());
    if let Value::Object(entries) = &mut gateway {
        entries.remove("$schema");
    }
    schema["properties"]["gateway"] = gateway;
    schema["title"] = "Tenantry gateway".into();
    schema
}

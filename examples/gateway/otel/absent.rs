use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use tenantry::Balancer;
use tower::layer::util::Identity;

use crate::{config::Settings, identify::Gate, unfit::Unfit};

/// Cannot be written: this gateway cannot speak to a collector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtelTable(Nobody);

#[derive(Clone, Debug, PartialEq, Serialize)]
enum Nobody {}

/// Nothing.
#[derive(Debug)]
pub struct Sending(Nobody);

/// The service itself.
pub(crate) type ServerSpans<S> = S;

/// Changes nothing.
pub(crate) type ServerSpansLayer = Identity;

impl OtelTable {
    /// Never called: there is none.
    ///
    /// # Errors
    /// None.
    pub const fn start(&self, _: &Balancer) -> Result<Sending, Unfit> {
        match self.0 {}
    }
}

impl OtelTable {
    /// Never called.
    pub(crate) const fn check(&self, _: &Gate) -> Result<(), Unfit> {
        match self.0 {}
    }

    /// Neither is there.
    pub(crate) const fn are_sent_alike(_: Option<&Self>, _: Option<&Self>) -> bool {
        true
    }

    /// Never called.
    pub(crate) const fn with_defaults(&self, _: &[String]) -> Self {
        match self.0 {}
    }
}

impl Sending {
    /// Never called.
    pub async fn stop(self) {
        match self.0 {}
    }
}

pub(crate) const fn server_spans(_: &Settings) -> Identity {
    Identity::new()
}

pub(crate) const fn attempt_spans(_: &Settings) -> Identity {
    Identity::new()
}

impl<'de> Deserialize<'de> for OtelTable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        let fix = "leave it out, or build the gateway with it: cargo build --release -p tenantry-examples --example gateway --features otel";
        Err(de::Error::custom(fix))
    }
}

impl JsonSchema for OtelTable {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OtelTable".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "not": {}, "description": "takes a gateway that is built with the feature otel" })
    }
}

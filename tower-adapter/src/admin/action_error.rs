use std::{error, fmt};

use serde_json::Value;
use tenantry::ConfigError;

/// Why an action cannot be done: which field of its body, what stands there, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionError {
    field: String,
    value: Option<Value>,
    fix: String,
}

impl ActionError {
    /// A field that cannot be used; `value` is `None` where it is missing.
    #[must_use]
    pub fn new(field: impl Into<String>, value: Option<Value>, fix: impl Into<String>) -> Self {
        Self { field: field.into(), value, fix: fix.into() }
    }

    /// Which field; empty for the body as a whole.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What stands there.
    #[must_use]
    pub const fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// What would be right.
    #[must_use]
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

impl From<ConfigError> for ActionError {
    fn from(error: ConfigError) -> Self {
        let value = serde_json::from_str(error.value()).unwrap_or_else(|_| Value::from(error.value()));
        Self::new(error.path(), Some(value), error.fix())
    }
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, fix } = self;
        let field = if field.is_empty() { "body" } else { field };
        match value {
            Some(value) => write!(f, "{field}: {value} cannot be used: {fix}"),
            None => write!(f, "{field}: {fix}"),
        }
    }
}

impl error::Error for ActionError {}

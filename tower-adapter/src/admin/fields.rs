//! The body of an action, field by field.

use std::time::Duration;

use serde_json::{Map, Value};

use super::ActionError;

/// An object of which every field is known.
pub(super) struct Fields<'a> {
    fields: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(fields: &'a Map<String, Value>, known: &[&str]) -> Result<Self, ActionError> {
        match fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, value)) => {
                let fix = format!("there is no such field; write {}", known.join(", "));
                Err(ActionError::new(name, Some(value.clone()), fix))
            }
            None => Ok(Self { fields }),
        }
    }

    pub(super) fn text(&self, name: &str, fix: &str) -> Result<&'a str, ActionError> {
        let value = self.fields.get(name);
        let text = value.and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| ActionError::new(name, value.cloned(), fix))
    }

    pub(super) fn whole(&self, name: &str, fix: &str) -> Result<u32, ActionError> {
        let value = self.fields.get(name);
        let number = value.and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| ActionError::new(name, value.cloned(), fix))
    }

    /// A time in seconds; `None` where it is left out.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<Duration>, ActionError> {
        let Some(value) = self.fields.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST);
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let fix =
            "write seconds, more than 0 and at most a year (31536000), or leave it out: until it is cleared";
        time.map(Some).ok_or_else(|| ActionError::new(name, Some(value.clone()), fix))
    }
}

/// A year.
const LONGEST: f64 = 31_536_000.0;

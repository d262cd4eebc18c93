//! `print`: the effective form of a document.

use std::{error, fmt};

use serde_json::{Map, Value};

use super::Written;
use crate::config::{Document, Settings};

/// Why an effective form cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrintError(String);

/// The whole document with defaults written out (but those within a route's `retry` and `mirror`, `guard`, `alert` and `tls`), as text that reads as the same configuration. Secrets are hidden.
///
/// # Errors
/// When the format has no form for a value, as TOML for a whole number above 2⁶³ − 1.
pub fn print(document: &Document, written: Written) -> Result<String, PrintError> {
    let tree = effective(document);
    let text = match written {
        Written::Toml => toml::to_string(&tree).map_err(|error| error.to_string()),
        Written::Yaml => serde_saphyr::to_string(&tree).map_err(|error| error.to_string()),
        Written::Json => serde_json::to_string_pretty(&tree).map_err(|error| error.to_string()),
    };
    text.map(|text| text.trim_end().to_owned() + "\n").map_err(PrintError)
}

/// The same as a tree.
#[must_use]
pub fn effective(document: &Document) -> Value {
    let mut tree = document.balancer.to_tree();
    tree["gateway"] = gateway(&document.settings);
    tree
}

fn gateway(settings: &Settings) -> Value {
    let tree = serde_json::to_value(settings.with_defaults()).expect("its keys are text");
    let mut tree = without_nothing(tree);
    if let Some(Value::Array(keys)) = tree.pointer_mut("/identify/api_key/keys") {
        keys.iter_mut().enumerate().for_each(|(index, key)| hide(index, key));
    }
    tree
}

/// What nobody says is left out: no format but JSON has a word for it.
fn without_nothing(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.into_iter().filter(|(_, value)| !value.is_null());
            // A claim's value is the token's.
            let inner = |(key, value): (String, Value)| {
                let value = if key == "claims" { value } else { without_nothing(value) };
                (key, value)
            };
            Value::Object(entries.map(inner).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nothing).collect()),
        other => other,
    }
}

/// A hash of a key is enough to try guesses at it. Each is another number, so that the document stays legal.
fn hide(index: usize, key: &mut Value) {
    for field in ["sha256", "hmac_sha256"] {
        if let Some(hash) = key.get_mut(field) {
            *hash = format!("{index:064x}").into();
        }
    }
}

impl fmt::Display for PrintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this format cannot hold it: {}; try --format json", self.0)
    }
}

impl error::Error for PrintError {}

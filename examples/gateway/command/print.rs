//! `print`: the effective form of a document.

use std::{error, fmt};

use serde_json::{Map, Value};

use super::Written;
use crate::config::{Document, Settings};

/// Why an effective form cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrintError(String);

/// The whole document with defaults written out, as text that reads as the same configuration. Secrets are hidden. A key that is not there has no value that one could write: no header, no file, no limit, the system's own.
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

#[cfg(test)]
mod tests {
    use tenantry::Format;
    use tenantry_tower::guard::Guard;

    use super::*;

    /// With many values that are no defaults, and rules that take theirs from elsewhere.
    const RICH: &str = r#"
[pools.api]
endpoints = ["http://10.0.0.1:8080"]
[pools.next]
endpoints = []
[tenants.acme]
[gateway]
admin = "127.0.0.1:0"
identify = { header = "x-account", trusted = ["10.0.0.0/8"] }
guard = { mode = "shadow", tenants = "enforce", neighbours = "refused", ban = "2m", forgiveness = "3h", rules = { scanning = { limit = 7, mode = "enforce" } }, rate = { factor = 3.5 } }
alert = { panic = "off", ejection = {}, rejection = { percent = 3 }, objective = { percent = 99.5, latency = "500ms" }, objectives = { next = { percent = 95 } } }
log = { sample = 0.25, format = "text" }
routes = [
    { path = "/", pool = "api", retry = { attempts = 5 }, mirror = { pool = "next", share = 0.25 } },
    { path = "/next", pool = "next", methods = ["GET"], tenants = ["acme"], rate = ["5/s", { requests = 100, per = "1h", burst = 7 }], budget = { requests = 9, per = "day", time_zone = "Europe/Rome" }, cost = 4, retry = { longest_wait = "1s", internal_errors = true }, hedge = "p90" },
]
discovery = { next = { srv = "http://_api._tcp.internal", floor = "7s" } }
"#;

    fn read(text: &str) -> Document {
        Document::from_text(text, Format::Toml).unwrap()
    }

    /// What the tables were made into, as far as it tells of itself.
    fn means(document: &Document) -> Vec<String> {
        let settings = &document.settings;
        let alarm = settings.alarm().map(|alarm| format!("{:?}", alarm.rules));
        let again = settings.routes().iter().map(|route| {
            let policy = route.retry().map(crate::again::Retry::policy);
            let policy = policy.map(|policy| (policy.attempts(), policy.longest_wait(), policy.body_limit()));
            let hedge = route.hedge().map(crate::again::Hedge::policy);
            format!("{policy:?} {hedge:?} {:?}", route.retry().map(crate::again::Retry::classifier))
        });
        let gate = format!("{:?} {:?}", settings.gate(), settings.gate().hops());
        // A burst that is not said is the rate's own.
        let routes = settings.routes().iter().map(|table| format!("{:?}", table.with_defaults().route()));
        let others = format!(
            "{:?} {:?} {:?}",
            settings.limits().with_defaults(),
            settings.log(),
            settings.discovery()
        );
        again.chain(routes).chain(alarm).chain([gate, others]).collect()
    }

    #[test]
    fn what_is_printed_means_the_same() {
        let sample = include_str!("../../gateway.toml");
        for text in [RICH, sample, "[pools.api]\nendpoints = [\"http://a:1\"]\n"] {
            let first = read(text);
            let again = read(&print(&first, Written::Toml).unwrap());
            assert_eq!(again.balancer.pools(), first.balancer.pools());
            assert_eq!(again.balancer.to_tree()["tenants"], first.balancer.to_tree()["tenants"]);
            assert_eq!(means(&again), means(&first));
            let policy = |document: &Document| document.settings.guard().map(Guard::policy).cloned();
            assert_eq!(policy(&again), policy(&first));
        }
    }

    #[test]
    fn another_value_means_something_else() {
        let first = read(RICH);
        for (value, other) in [
            ("attempts = 5", "attempts = 6"),
            ("longest_wait = \"1s\"", "longest_wait = \"2s\""),
            ("percent = 3 ", "percent = 4 "),
            ("burst = 7", "burst = 8"),
            ("sample = 0.25", "sample = 0.5"),
            ("floor = \"7s\"", "floor = \"8s\""),
        ] {
            assert_ne!(means(&read(&RICH.replace(value, other))), means(&first), "{value}");
        }
    }
}

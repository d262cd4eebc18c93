//! A scenario file: read, laid over with its variants, and checked.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{expect::Expect, plan::Plan};

/// A scenario and its variants, ready to run.
#[derive(Debug)]
pub(crate) struct Document {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The scenario as it stands first, under the empty name; then its variants.
    pub(crate) plans: Vec<(String, Plan)>,
    pub(crate) expect: Vec<Expect>,
}

/// What is wrong with a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScenarioError {
    /// Where in the file, such as `load.victim.arrivals`.
    pub(crate) path: String,
    /// What is wrong with it, and what would be right.
    pub(crate) problem: String,
}

/// One setting, tried with several values: each is a variant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sweep {
    key: String,
    values: Vec<Value>,
}

impl ScenarioError {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    /// The same, found in a part of the file.
    pub(crate) fn within(self, root: &str) -> Self {
        let path = match (root, self.path.as_str()) {
            ("", _) => self.path,
            (_, "." | "") => root.to_owned(),
            (_, path) if path.starts_with('[') => format!("{root}{path}"),
            _ => format!("{root}.{}", self.path),
        };
        Self { path, problem: self.problem }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl Document {
    pub(crate) fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(path)
            .map_err(|error| ScenarioError::new(".", format!("the file cannot be read: {error}")))?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self::parse(name, &text)
    }

    pub(crate) fn parse(name: String, text: &str) -> Result<Self, ScenarioError> {
        let mut tree: Map<String, Value> = toml::from_str(text)
            .map_err(|error| ScenarioError::new(".", format!("write valid TOML: {error}")))?;
        let variants = take::<BTreeMap<String, Value>>(&mut tree, "variants")?;
        let sweeps = take::<BTreeMap<String, Sweep>>(&mut tree, "sweeps")?;
        let expect = take::<Vec<Expect>>(&mut tree, "expect")?;
        let base = Value::Object(tree);
        let mut plans = vec![(String::new(), Plan::new(read(base.clone())?)?)];
        for (variant, overlay) in all_variants(&variants, &sweeps)? {
            let mut tree = base.clone();
            merge(&mut tree, &overlay);
            let plan = read(tree)
                .and_then(Plan::new)
                .map_err(|error| error.within(&format!("variants.{variant}")))?;
            plans.push((variant, plan));
        }
        let document = Self { name, plans, expect };
        document.check_expectations()?;
        Ok(document)
    }

    /// Leaves out all variants but these; then nothing is expected.
    pub(crate) fn keep_variants(&mut self, names: &[String]) {
        if !names.is_empty() {
            self.plans.retain(|(name, _)| name.is_empty() || names.contains(name));
            self.expect.clear();
        }
    }

    /// What is expected must be of something that is there.
    fn check_expectations(&self) -> Result<(), ScenarioError> {
        for (at, expect) in self.expect.iter().enumerate() {
            expect.check(&self.plans).map_err(|error| error.within(&format!("expect[{at}]")))?;
        }
        Ok(())
    }
}

/// A part of the file that is not the scenario proper.
fn take<T: DeserializeOwned + Default>(
    tree: &mut Map<String, Value>,
    name: &str,
) -> Result<T, ScenarioError> {
    tree.remove(name).map_or_else(|| Ok(T::default()), |part| read(part).map_err(|error| error.within(name)))
}

fn read<T: DeserializeOwned>(tree: Value) -> Result<T, ScenarioError> {
    serde_path_to_error::deserialize(tree)
        .map_err(|error| ScenarioError::new(error.path().to_string(), error.inner().to_string()))
}

/// The variants that are written out, and those of sweeps: `name=value`.
fn all_variants(
    written: &BTreeMap<String, Value>,
    sweeps: &BTreeMap<String, Sweep>,
) -> Result<Vec<(String, Value)>, ScenarioError> {
    let mut all: Vec<_> = written.iter().map(|(name, overlay)| (name.clone(), overlay.clone())).collect();
    for (name, sweep) in sweeps {
        if sweep.key.is_empty() || sweep.values.is_empty() {
            return Err(ScenarioError::new(format!("sweeps.{name}"), "give a key and at least one value"));
        }
        for value in &sweep.values {
            let overlay = sweep
                .key
                .rsplit('.')
                .fold(value.clone(), |inner, key| Value::Object(Map::from_iter([(key.to_owned(), inner)])));
            all.push((format!("{name}={}", value.to_string().trim_matches('"')), overlay));
        }
    }
    Ok(all)
}

/// Lays one tree over another: tables are merged, everything else is replaced.
pub(crate) fn merge(tree: &mut Value, overlay: &Value) {
    match (tree, overlay) {
        (Value::Object(tree), Value::Object(overlay)) => {
            for (key, value) in overlay {
                merge(tree.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (tree, overlay) => *tree = overlay.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        title = "a test"
        measure = "1s"
        [config.pools.api]
        endpoints = ["a"]
        capacity = 2
        [config.tenants.t]
        [servers.all]
        workers = 1
        service = { fixed = "20ms" }
        [load.t]
        tenant = "t"
        arrivals = { poisson = 10 }
    "#;

    fn parse(change: (&str, &str)) -> Result<Document, ScenarioError> {
        assert!(change.0.is_empty() || GOOD.contains(change.0), "{change:?}");
        let text = if change.0.is_empty() {
            format!("{GOOD}{}", change.1)
        } else {
            GOOD.replace(change.0, change.1)
        };
        Document::parse("test".to_owned(), &text)
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let cases = [
            (("\"20ms\"", "\"20 parsecs\""), "servers.all.service.fixed"),
            (("workers = 1", "workers = 0"), "servers.all.workers"),
            (("workers = 1", "workers = 1\nwrokers = 2"), "servers.all.wrokers"),
            (("poisson = 10", "poisson = -1"), "load.t.arrivals.poisson"),
            (("poisson = 10", "poison = 10"), "load.t.arrivals"),
            (("tenant = \"t\"", "tenant = \"x\""), "load.t.tenant"),
            (("capacity = 2", "capacty = 2"), "config.pools.api.capacty"),
            (("measure = \"1s\"", "measure = 1"), "measure"),
            (("", "[variants.x.load.t]\narrivals = { poisson = 0 }"), "variants.x.load.t.arrivals.poisson"),
            (("", "[[expect]]\nmetric = \"p98\"\nat_most = 1"), "expect[0].metric"),
            (("", "[[expect]]\nmetric = \"p99\"\ntenant = \"x\"\nat_most = 1"), "expect[0].tenant"),
            (("", "[[expect]]\nmetric = \"p99\"\nvariant = \"x\"\nat_most = 1"), "expect[0].variant"),
            (("", "[[expect]]\nmetric = \"p99\"\nload = \"x\"\nat_most = 1"), "expect[0].load"),
            (
                ("", "[[expect]]\nmetric = \"p99\"\nload = \"t\"\ntenant = \"t\"\nat_most = 1"),
                "expect[0].load",
            ),
            (("", "[[expect]]\nmetric = \"jain\"\nload = \"t\"\nat_least = 1"), "expect[0].load"),
            (("", "[[expect]]\nmetric = \"p99\""), "expect[0]"),
        ];
        for (change, path) in cases {
            let error = parse(change).expect_err(path);
            assert_eq!(error.path, path, "{error}");
        }
    }

    #[test]
    fn variants_and_sweeps_are_laid_over_the_scenario() {
        let sweep = "[sweeps.fixed]\nkey = \"config.pools.api.capacity\"\nvalues = [4, 8]\n[variants.off]\nmeasure = \"3s\"";
        let document = parse(("", sweep)).expect("it is right");
        let names: Vec<_> = document.plans.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["", "off", "fixed=4", "fixed=8"]);
        let measured = document.plans[1].1.scenario.measure.seconds();
        assert!((measured - 3.0).abs() < 1e-9, "{measured}");
        assert_eq!(document.plans[3].1.scenario.config["pools"]["api"]["capacity"], 8);
    }
}

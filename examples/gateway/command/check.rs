//! `check`: all that is wrong with a document, not only the first thing.
//!
//! The document is read as the gateway reads it. What an error names is taken out, and the rest is read again, until nothing more is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use serde_json::Value;
use tenantry::{Balancer, ConfigError, Format};

use super::suspicions::suspicions;
use crate::config::{Document, DocumentError};

/// What was found in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Findings {
    /// What keeps the gateway from serving it: path, value and fix.
    pub errors: Vec<String>,
    /// What is legal, but looks like a mistake. Only looked for where there are no errors.
    pub warnings: Vec<String>,
}

/// Reads a file, and those that it names, and says what is wrong.
#[must_use]
pub fn check(path: &Path) -> Findings {
    match Pruned::read(path) {
        Ok(mut pruned) => pruned.findings(path.parent().unwrap_or_else(|| Path::new(""))),
        Err(error) => Findings { errors: vec![error.to_string()], warnings: Vec::new() },
    }
}

impl fmt::Display for Findings {
    /// One line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "error: {error}")?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

/// A document without what was wrong so far.
struct Pruned {
    tree: Value,
    /// Where something was taken out.
    holes: Vec<Place>,
    /// Which items of which lists are gone, by their first numbers.
    gone: BTreeMap<Place, BTreeSet<usize>>,
}

type Place = Vec<Step>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Item(usize),
}

impl Pruned {
    fn read(path: &Path) -> Result<Self, DocumentError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let format = extension.and_then(Format::from_extension).ok_or(DocumentError::Extension)?;
        let text = fs::read_to_string(path).map_err(DocumentError::Read)?;
        let tree = ConfigError::read_text(&text, format).map_err(DocumentError::Config)?;
        Ok(Self { tree, holes: Vec::new(), gone: BTreeMap::new() })
    }

    fn findings(&mut self, folder: &Path) -> Findings {
        let mut findings = Findings::default();
        loop {
            let document = match read(&self.tree, folder) {
                Ok(document) => document,
                Err(problem) => {
                    let now = steps(&problem.path);
                    let first = self.first_numbers(&now);
                    if !self.follows_from_a_hole(&first, &problem.value) {
                        findings
                            .errors
                            .push(Problem { path: shown(&first, &problem.path), ..problem }.to_string());
                    }
                    if self.take_out(&now) {
                        continue;
                    }
                    return findings;
                }
            };
            if findings.errors.is_empty() {
                findings.warnings = suspicions(&document);
            }
            return findings;
        }
    }

    /// A table that lacks what was taken out of it, or a name of what is not there any more.
    fn follows_from_a_hole(&self, place: &Place, value: &str) -> bool {
        let is_named = |hole: &Place| match &hole[..] {
            [Step::Key(_), Step::Key(name)] => value == format!("{name:?}"),
            _ => false,
        };
        self.holes.iter().any(|hole| hole.starts_with(place) || is_named(hole))
    }

    /// Takes out what stands there, or what is nearest above. Whether there was anything below the document itself.
    fn take_out(&mut self, place: &Place) -> bool {
        let Some((last, above)) =
            existing(&self.tree, place).split_last().map(|(last, above)| (last.clone(), above.to_vec()))
        else {
            return false;
        };
        let list = self.first_numbers(&above);
        let mut hole = above.clone();
        hole.push(last.clone());
        let hole = self.first_numbers(&hole);
        let node = above.iter().fold(&mut self.tree, |node, step| match step {
            Step::Key(key) => &mut node[key.as_str()],
            Step::Item(index) => &mut node[*index],
        });
        match (node, &last) {
            (Value::Object(entries), Step::Key(key)) => drop(entries.remove(key)),
            (Value::Array(items), Step::Item(index)) => {
                items.remove(*index);
                if let Some(Step::Item(first)) = hole.last() {
                    self.gone.entry(list).or_default().insert(*first);
                }
            }
            _ => return false,
        }
        self.holes.push(hole);
        true
    }

    /// The same place in the document as it was written: items after those that are gone had higher numbers.
    fn first_numbers(&self, place: &Place) -> Place {
        let mut first = Place::new();
        for step in place {
            let step = match (step, self.gone.get(&first)) {
                (Step::Item(index), Some(gone)) => {
                    Step::Item(gone.iter().fold(*index, |index, gone| index + usize::from(*gone <= index)))
                }
                _ => step.clone(),
            };
            first.push(step);
        }
        first
    }
}

struct Problem {
    path: String,
    value: String,
    fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, value, fix } = self;
        match value.as_str() {
            "" => write!(f, "{path}: {fix}"),
            value => write!(f, "{path}: {value} cannot be used: {fix}"),
        }
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self { path: error.path().to_owned(), value: error.value().to_owned(), fix: error.fix().to_owned() }
    }
}

fn read(tree: &Value, folder: &Path) -> Result<Document, Problem> {
    let document = Document::from_tree(tree, folder).map_err(|error| match error {
        DocumentError::Config(error) => error.into(),
        DocumentError::Unfit(unfit) => Problem { path: unfit.path, value: unfit.value, fix: unfit.fix },
        other => Problem { path: ".".to_owned(), value: String::new(), fix: other.to_string() },
    })?;
    Balancer::new(document.balancer.clone())?;
    Ok(document)
}

/// As much of the place as there is.
fn existing<'a>(tree: &Value, place: &'a Place) -> &'a [Step] {
    let mut node = tree;
    for (depth, step) in place.iter().enumerate() {
        let next = match step {
            Step::Key(key) => node.get(key),
            Step::Item(index) => node.get(index),
        };
        match next {
            Some(next) => node = next,
            None => return &place[..depth],
        }
    }
    place
}

/// A path as errors write it: `pools."a b".endpoints[1]`.
fn steps(path: &str) -> Place {
    let mut place = Place::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = first_step(rest);
        place.extend(step);
        rest = after;
    }
    place
}

fn first_step(path: &str) -> (Option<Step>, &str) {
    if let Some(rest) = path.strip_prefix('[') {
        let (index, after) = rest.split_once(']').unwrap_or((rest, ""));
        return (index.parse().ok().map(Step::Item), after);
    }
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.starts_with('"') {
        let mut quoted = serde_json::Deserializer::from_str(path).into_iter::<String>();
        let key = quoted.next().and_then(Result::ok);
        let after = key.as_ref().map_or("", |_| &path[quoted.byte_offset()..]);
        return (key.map(Step::Key), after);
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let key = (end > 0).then(|| Step::Key(path[..end].to_owned()));
    (key, &path[end..])
}

/// With the numbers that items had at first.
fn shown(first: &Place, path: &str) -> String {
    let mut numbers = first.iter().filter_map(|step| match step {
        Step::Item(index) => Some(*index),
        Step::Key(_) => None,
    });
    let mut shown = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('[') {
        let end = rest[at..].find(']').map_or(rest.len(), |end| at + end + 1);
        shown.push_str(&rest[..at]);
        match rest[at..end].trim_matches(['[', ']']).parse::<usize>() {
            Ok(_) => shown.push_str(&format!("[{}]", numbers.next().unwrap_or_default())),
            Err(_) => shown.push_str(&rest[at..end]),
        }
        rest = &rest[end..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_errors_write_them() {
        let key = |key: &str| Step::Key(key.to_owned());
        assert_eq!(
            steps("pools.\"a.b \\\"c\".endpoints[12].address"),
            [key("pools"), key("a.b \"c"), key("endpoints"), Step::Item(12), key("address")]
        );
        assert_eq!(steps("."), []);
        assert_eq!(steps("gateway.routes[0]"), [key("gateway"), key("routes"), Step::Item(0)]);
        assert_eq!(steps("pools.\"broken"), [key("pools")]);
    }
}

//! From text to the one tree that every format shares, and from there to a configuration.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_path_to_error::Segment;

use super::{Config, ConfigError, document::Document, error::key, short::Table};

/// How a document is written. All formats have the same keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// JSON.
    Json,
    /// TOML.
    #[cfg(feature = "toml")]
    Toml,
    /// YAML.
    #[cfg(feature = "yaml")]
    Yaml,
}

impl Format {
    /// The format of files with this ending: `json`, `toml`, `yaml` or `yml`, without the dot.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            #[cfg(feature = "toml")]
            "toml" => Some(Self::Toml),
            #[cfg(feature = "yaml")]
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }

    fn parse(self, text: &str) -> Result<Value, String> {
        let tree = match self {
            Self::Json => serde_json::from_str::<Tree>(text).map_err(|error| error.to_string()),
            #[cfg(feature = "toml")]
            Self::Toml => toml::from_str::<Tree>(text).map_err(|error| error.to_string()),
            #[cfg(feature = "yaml")]
            Self::Yaml => serde_saphyr::from_str::<Tree>(text).map_err(|error| error.to_string()),
        };
        tree.map(|tree| tree.0)
    }
}

impl Config {
    /// Reads the document.
    ///
    /// ```
    /// use tenantry::{Config, Format};
    ///
    /// let text = r#"{ "pools": { "api": { "endpoints": ["http://10.0.0.1:8080"], "capacty": 8 } } }"#;
    /// let error = Config::from_text(text, Format::Json).expect_err("a key is misspelt");
    /// assert_eq!(error.path(), "pools.api.capacty");
    /// assert_eq!(error.value(), "8");
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong: text that is not of the format, an unknown key, a value of the wrong kind or outside its
    /// bounds, a name that names nothing.
    pub fn from_text(text: &str, format: Format) -> Result<Self, ConfigError> {
        let tree = format.parse(text).map_err(|problem| {
            ConfigError::new(".", "", format!("write valid {format:?}: {}", one_line(&problem)))
        })?;
        let Table(document) = read::<Table<Document>>(&tree, &[])?;
        let config = Self::from(document);
        config.validate()?;
        Ok(config)
    }
}

/// Reads a typed part of a document's tree that stands at `root`; for sections that are not the core's.
///
/// # Errors
/// As [`Config::from_text`], with paths from the document's root.
pub(super) fn read<T: for<'de> Deserialize<'de>>(tree: &Value, root: &[&str]) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let segments: Vec<Segment> = error.path().iter().cloned().collect();
        let (path, value) = place(tree, root, &segments);
        ConfigError::new(path, value, advice(&error.inner().to_string()))
    })
}

impl ConfigError {
    /// Reads a [section](Config::section) of the document as `T`, with errors like the core's own.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read_section<T: for<'de> Deserialize<'de>>(name: &str, section: &Value) -> Result<T, Self> {
        read::<Table<T>>(section, &[name]).map(|table| table.0)
    }
}

/// The path as users write it, and the value that stands there.
fn place(tree: &Value, root: &[&str], segments: &[Segment]) -> (String, String) {
    let mut path: String = root.join(".");
    let mut value = Some(tree);
    for segment in segments {
        match segment {
            Segment::Seq { index } => {
                path.push_str(&format!("[{index}]"));
                value = value.and_then(|value| value.get(index));
            }
            Segment::Map { key: name } => {
                let dot = if path.is_empty() { "" } else { "." };
                path.push_str(&format!("{dot}{}", key(name)));
                value = value.and_then(|value| value.get(name));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    let path = if path.is_empty() { ".".to_owned() } else { path };
    (path, value.map(Value::to_string).unwrap_or_default())
}

/// What serde says is wrong, turned into what to do.
fn advice(problem: &str) -> String {
    let problem = problem
        .replace("u64", "a whole number from 0 on")
        .replace("u32", "a whole number from 0 to 4294967295")
        .replace("a sequence", "a list")
        .replace("a map", "a table");
    if let Some(known) = problem.strip_prefix("unknown field ") {
        return match known.split_once(", expected ") {
            Some((_, known)) => format!("this key is not known; use {known}"),
            None => "this key is not known; leave it out".to_owned(),
        };
    }
    if let Some(name) = problem.strip_prefix("missing field ") {
        return format!("add the key {name}");
    }
    for prefix in ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "] {
        if problem.starts_with(prefix)
            && let Some((_, expected)) = problem.split_once(", expected ")
        {
            let expected = expected.strip_prefix("struct ").unwrap_or(expected);
            return format!("give {expected}");
        }
    }
    problem
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A document's tree, in which no key may stand twice.
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Self)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = vec![];
        while let Some(Tree(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let Tree(value) = entries.next_value()?;
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!("the key `{name}` stands twice")));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

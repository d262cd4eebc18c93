//! From text to the one tree that every format shares, and from there to a configuration.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_path_to_error::Segment;

use super::{Config, ConfigError, TenantSpec, document::Document, error::key, short::Table};

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
            Self::Toml => toml::from_str::<Tree>(text).map_err(|error| without_excerpt(text, &error)),
            #[cfg(feature = "yaml")]
            Self::Yaml => {
                serde_saphyr::from_str::<Tree>(text).map_err(|error| error.without_snippet().to_string())
            }
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
        let tree = parse(text, format, ".")?;
        let Table(document) = read::<Table<Document>>(&tree, &[])?;
        let config = Self::from(document);
        config.validate()?;
        Ok(config)
    }
}

impl TenantSpec {
    /// Reads one tenant's table, as it stands in the document beneath `tenants`: for [`Balancer::set_tenant`](crate::Balancer::set_tenant).
    /// Paths in errors are the document's.
    ///
    /// ```
    /// use tenantry::{Format, TenantSpec};
    ///
    /// let acme = TenantSpec::from_text("acme", r#"{ "weight": 3, "rate": "100/s" }"#, Format::Json)?;
    /// assert_eq!(acme.weight(), 3);
    /// let error = TenantSpec::from_text("acme", r#"{ "wieght": 3 }"#, Format::Json).expect_err("a key is misspelt");
    /// assert_eq!(error.path(), "tenants.acme.wieght");
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong with its shape. What it names is looked up when a balancer takes it.
    pub fn from_text(id: &str, text: &str, format: Format) -> Result<Self, ConfigError> {
        parsed(text, format, &["tenants", &key(id)])
    }
}

/// Reads text that is one part of a document, as it stands at `root`.
pub(super) fn parsed<T: for<'de> Deserialize<'de>>(
    text: &str,
    format: Format,
    root: &[&str],
) -> Result<T, ConfigError> {
    let tree = parse(text, format, &root.join("."))?;
    read(&tree, root)
}

/// The tree of a text that stands at `path`.
pub(super) fn parse(text: &str, format: Format, path: &str) -> Result<Value, ConfigError> {
    format.parse(text).map_err(|problem| {
        ConfigError::new(path, "", format!("write valid {format:?}: {}", one_line(&problem)))
    })
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

    /// The tree of a text that stands alone, in a file of its own. No key stands twice in it.
    ///
    /// ```
    /// use tenantry::{ConfigError, Format};
    ///
    /// let tree = ConfigError::read_text(r#"{ "keys": [] }"#, Format::Json)?;
    /// assert!(tree["keys"].is_array());
    /// # Ok::<(), ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When it is not of the format. The error shows no part of the text.
    pub fn read_text(text: &str, format: Format) -> Result<Value, Self> {
        parse(text, format, ".")
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
    let value = value.map(Value::to_string).unwrap_or_default();
    // The keys that sign sessions are secrets, the whole document may hold them, and errors are logged.
    let secret = path == "." || path.split(['.', '[']).next() == Some(SECRET_SECTION);
    (path, if secret && !value.is_empty() { "(not shown)".to_owned() } else { value })
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
    // The last comma: one before it is part of the value.
    for prefix in ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "] {
        if problem.starts_with(prefix)
            && let Some((_, expected)) = problem.rsplit_once(", expected ")
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

/// What is wrong and where, without the line itself: it may hold a secret, and errors are logged.
#[cfg(feature = "toml")]
fn without_excerpt(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map(|before| {
        let (line, start) = (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |end| end + 1));
        format!(" at line {line} column {}", before[start..].chars().count() + 1)
    });
    format!("{}{}", error.message(), place.unwrap_or_default())
}

/// The section whose values no error shows.
const SECRET_SECTION: &str = "affinity";

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

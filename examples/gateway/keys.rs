//! `api_key`: the keys, in the document or in a file that is read again when it changes.
//!
//! Nothing that stands in these tables is ever shown: what is misplaced in them may be a key.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::HeaderName;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tenantry::{ConfigError, Format};
use tenantry_tower::identity::{
    Credential,
    key::{ApiKeys, KeyHash, KeySet, KeySpec, Pepper},
};
use tokio::task::spawn_blocking;

use crate::{rereading::settled, unfit::Unfit};

/// A file of keys in force.
#[derive(Clone)]
pub struct KeyFile {
    path: PathBuf,
    /// What it held when it was used last.
    used: Arc<str>,
    pepper: Option<Pepper>,
    keys: ApiKeys,
}

/// Reads `api_key = { keys = […] }` or `{ keys_file = "…" }`, with `from`, `forward`, `pepper_file`.
pub(crate) fn read(path: &str, table: &Value, folder: &Path) -> Result<(ApiKeys, Option<KeyFile>), Unfit> {
    let table = Table::of(path, table, &["keys", "keys_file", "from", "forward", "pepper_file"])?;
    let credential = credential(&table)?;
    let pepper = table.text("pepper_file")?.map(|file| pepper(&table, folder.join(file))).transpose()?;
    match (table.fields.get("keys"), table.text("keys_file")?) {
        (Some(list), None) => {
            let set = key_set(&table.path("keys"), list, pepper)?;
            Ok((ApiKeys::new(credential, set), None))
        }
        (None, Some(file)) => {
            let file = folder.join(file);
            let used = content(&file, None)?;
            let keys = ApiKeys::new(credential, parse(&file, &used, pepper.clone())?);
            Ok((keys.clone(), Some(KeyFile { path: file, used: used.into(), pepper, keys })))
        }
        _ => Err(Unfit::hidden(
            path,
            "write one of keys = [{ tenant = …, sha256 = … }] and keys_file = \"keys.toml\"",
        )),
    }
}

/// The table with where keys are, whether they go on, and what each may, where it is not said.
pub(crate) fn with_defaults(table: &Value) -> Value {
    let mut table = table.clone();
    if let Some(table) = table.as_object_mut() {
        table.entry("from").or_insert_with(|| "bearer".into());
        table.entry("forward").or_insert(false.into());
        let keys = table.get_mut("keys").and_then(Value::as_array_mut).into_iter().flatten();
        for key in keys.filter_map(Value::as_object_mut) {
            key.entry("scopes").or_insert_with(|| Value::Array(Vec::new()));
        }
    }
    table
}

impl KeyFile {
    /// Reads the file again whenever it changes, at the latest after `every`. A file that cannot be used, or is still being written, changes nothing; `tell` hears of it, and of new keys. Never ends.
    pub async fn watch(mut self, every: Duration, tell: impl Fn(String)) {
        let mut problem = None;
        loop {
            tokio::time::sleep(every).await;
            let (path, used) = (self.path.clone(), Arc::clone(&self.used));
            let news = match spawn_blocking(move || content(&path, Some(&used))).await {
                Ok(content) => content.and_then(|content| self.reread(&content)),
                Err(error) if error.is_cancelled() => return, // the runtime ends
                Err(error) => Err(Unfit::file(FILE, &self.path, error)),
            };
            let news = news.map_err(|problem| problem.to_string());
            match news {
                Ok(None) => problem = None,
                Ok(Some(keys)) => {
                    tell(format!("{}: {keys} keys in force", self.path.display()));
                    problem = None;
                }
                // Told once, not every time.
                Err(news) if problem.as_ref() == Some(&news) => {}
                Err(news) => {
                    tell(format!("{news}; the keys before it stay"));
                    problem = Some(news);
                }
            }
        }
    }

    /// How many keys there are, if there are others than before.
    fn reread(&mut self, content: &str) -> Result<Option<usize>, Unfit> {
        if *content == *self.used {
            return Ok(None);
        }
        let set = parse(&self.path, content, self.pepper.clone())?;
        let keys = set.len();
        self.keys.replace(set);
        self.used = content.into();
        Ok(Some(keys))
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("path", &self.path).field("keys", &self.keys).finish_non_exhaustive()
    }
}

fn content(file: &PathBuf, used: Option<&str>) -> Result<String, Unfit> {
    settled(file, used).map_err(|error| Unfit::file(FILE, file, error))
}

fn parse(file: &PathBuf, text: &str, pepper: Option<Pepper>) -> Result<KeySet, Unfit> {
    let format = file.extension().and_then(|extension| extension.to_str()).and_then(Format::from_extension);
    let format = format.ok_or_else(|| Unfit::file(FILE, file, "let it end in .toml, .yaml or .json"))?;
    let tree = ConfigError::read_text(text, format).map_err(|error| Unfit::file(FILE, file, error))?;
    let at = |unfit: Unfit| Unfit { path: format!("{}: {}", file.display(), unfit.path), ..unfit };
    let table = Table::of("keys_file", &tree, &["keys"]).map_err(at)?;
    let list =
        table.fields.get("keys").ok_or_else(|| at(Unfit::hidden("keys", "list the keys: [[keys]]")))?;
    key_set("keys", list, pepper).map_err(at)
}

fn key_set(path: &str, list: &Value, pepper: Option<Pepper>) -> Result<KeySet, Unfit> {
    let Value::Array(list) = list else {
        return Err(Unfit::hidden(path, "write a list: [{ tenant = \"acme\", sha256 = \"…\" }]"));
    };
    let hash = if pepper.is_some() { "hmac_sha256" } else { "sha256" };
    let keys = list.iter().enumerate().map(|(index, key)| key_spec(&format!("{path}[{index}]"), key, hash));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    KeySet::new(keys, pepper).map_err(|error| Unfit::hidden(format!("{path}[{}]", error.index()), error))
}

fn key_spec(path: &str, key: &Value, hash: &str) -> Result<KeySpec, Unfit> {
    let table = Table::of(path, key, &["tenant", hash, "name", "scopes", "not_before", "expires"])?;
    let missing = |field: &str, fix: &str| Unfit::hidden(table.path(field), fix);
    let tenant = table.text("tenant")?.filter(|tenant| !tenant.is_empty());
    let tenant = tenant.ok_or_else(|| missing("tenant", "say whose key it is"))?;
    let digits = table.text(hash)?.ok_or_else(|| missing(hash, "write the key's hash, never the key"))?;
    let digits: KeyHash = digits.parse().map_err(|error| Unfit::hidden(table.path(hash), error))?;
    let mut spec = KeySpec::new(tenant, digits).with_scopes(table.texts("scopes")?);
    if let Some(name) = table.text("name")? {
        spec = spec.with_name(name);
    }
    if let Some(time) = table.time("not_before")? {
        spec = spec.with_not_before(time);
    }
    if let Some(time) = table.time("expires")? {
        spec = spec.with_expiry(time);
    }
    Ok(spec)
}

fn credential(table: &Table<'_>) -> Result<Credential, Unfit> {
    const FIX: &str = "write \"bearer\", \"basic\" or { header = \"x-api-key\" }";
    let wrong = || Unfit::hidden(table.path("from"), FIX);
    let credential = match table.fields.get("from") {
        None => Credential::bearer(),
        Some(Value::String(scheme)) if scheme == "bearer" => Credential::bearer(),
        Some(Value::String(scheme)) if scheme == "basic" => Credential::basic(),
        Some(Value::Object(own)) if own.len() == 1 => {
            let name: Option<HeaderName> = own.get("header").and_then(|name| name.as_str()?.parse().ok());
            Credential::header(name.ok_or_else(wrong)?)
        }
        Some(_) => return Err(wrong()),
    };
    match table.fields.get("forward") {
        None | Some(Value::Bool(false)) => Ok(credential),
        Some(Value::Bool(true)) => Ok(credential.forwarded()),
        Some(_) => Err(Unfit::hidden(table.path("forward"), "write true or false")),
    }
}

fn pepper(table: &Table<'_>, file: PathBuf) -> Result<Pepper, Unfit> {
    let path = table.path("pepper_file");
    let secret = fs::read(&file).map_err(|error| Unfit::file(&path, &file, error))?;
    Pepper::new(secret.trim_ascii())
        .ok_or_else(|| Unfit::hidden(path, "let it hold at least 16 random bytes"))
}

/// A table of which no value is shown.
struct Table<'a> {
    path: &'a str,
    fields: &'a Map<String, Value>,
}

impl<'a> Table<'a> {
    fn of(path: &'a str, value: &'a Value, known: &[&str]) -> Result<Self, Unfit> {
        let Value::Object(fields) = value else { return Err(Unfit::hidden(path, "write a table")) };
        match fields.keys().find(|key| !known.contains(&key.as_str())) {
            Some(unknown) => {
                let fix = format!("there is no such key; write one of {}", known.join(", "));
                Err(Unfit::hidden(format!("{path}.{unknown}"), fix))
            }
            None => Ok(Self { path, fields }),
        }
    }

    fn path(&self, field: &str) -> String {
        format!("{}.{field}", self.path)
    }

    fn text(&self, field: &str) -> Result<Option<&'a str>, Unfit> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Unfit::hidden(self.path(field), "write text in quotes")),
        }
    }

    fn texts(&self, field: &str) -> Result<Vec<&'a str>, Unfit> {
        let wrong = || Unfit::hidden(self.path(field), "write a list of texts in quotes");
        match self.fields.get(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(|text| text.as_str().ok_or_else(wrong)).collect(),
            Some(_) => Err(wrong()),
        }
    }

    fn time(&self, field: &str) -> Result<Option<SystemTime>, Unfit> {
        let wrong =
            || Unfit::hidden(self.path(field), "write a time with its zone, as \"2027-01-31T00:00:00Z\"");
        let parse = |text: &str| SystemTime::try_from(text.parse::<Timestamp>().ok()?).ok();
        self.text(field)?.map(|text| parse(text).ok_or_else(wrong)).transpose()
    }
}

const FILE: &str = "gateway.identify.api_key.keys_file";

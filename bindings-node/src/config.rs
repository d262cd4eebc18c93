//! The configuration document, and what is changed of it at runtime.

use napi::Either;
use napi_derive::napi;
use tenantry::{Config, ConfigError, EndpointChange, Format, TenantSpec};

use crate::{native::NativeBalancer, state::State, strategy::numbered};

/// A configuration as text.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Document {
    /// The text.
    pub text: String,
    /// How it is written: the ending of such files, without the dot.
    pub format: String,
    /// The pools' strategies that are functions; something else stands in their places in the text.
    pub strategies: Option<Vec<OwnStrategy>>,
}

/// A pool's strategy that is a function.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct OwnStrategy {
    /// The pool's name.
    pub pool: String,
    /// The function's number.
    pub number: u32,
}

/// Why a configuration was refused.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// Where.
    pub path: String,
    /// What stands there.
    pub value: String,
    /// What would be right.
    pub fix: String,
    /// All of it, for people.
    pub message: String,
}

#[napi]
impl NativeBalancer {
    /// Puts another configuration in force; why not, if it is refused.
    #[napi(catch_unwind)]
    pub fn reconfigure(&self, document: Document) -> Option<Refusal> {
        let made =
            read(&document).and_then(|config| self.state.balancer.reconfigure(config).map_err(Refusal::from));
        if made.is_ok() {
            self.taken(&document);
        }
        made.err()
    }

    /// Adds a tenant or puts other terms to one, given as JSON; why not, if they are refused.
    #[napi(catch_unwind)]
    pub fn set_tenant(&self, id: String, spec: String) -> Option<Refusal> {
        let made = TenantSpec::from_text(&id, &spec, Format::Json);
        let made = made.and_then(|spec| self.state.balancer.set_tenant(&id, &spec));
        made.err().map(Refusal::from)
    }

    /// Changes a pool's endpoints, given as JSON; why not, if that is refused.
    #[napi(catch_unwind)]
    pub fn change_endpoints(&self, pool: String, changes: String) -> Option<Refusal> {
        let made = EndpointChange::list_from_text(&pool, &changes, Format::Json);
        let made = made.and_then(|changes| self.state.balancer.change_endpoints(&pool, &changes));
        made.err().map(Refusal::from)
    }

    /// Takes a configured tenant out: whether there was one, or why not.
    #[napi(catch_unwind)]
    pub fn remove_tenant(&self, id: String) -> Either<bool, Refusal> {
        match self.state.balancer.remove_tenant(&id) {
            Ok(removed) => Either::A(removed),
            Err(error) => Either::B(error.into()),
        }
    }
}

impl NativeBalancer {
    /// The document is in force. Both sides number addresses anew, so that those of old configurations are forgotten.
    fn taken(&self, document: &Document) {
        self.state.addresses.borrow_mut().clear();
        document.asks(&self.state);
    }
}

impl Document {
    fn own(&self) -> &[OwnStrategy] {
        self.strategies.as_deref().unwrap_or_default()
    }

    /// Strategies of it that are functions are asked from now on.
    pub(crate) fn asks(&self, state: &State) {
        if !self.own().is_empty() {
            state.asks_strategies();
        }
    }
}

impl Refusal {
    fn of_format(format: &str) -> Self {
        let fix = "write it as .json, .toml, .yaml or .yml".to_owned();
        let message = format!("files that end in {format:?} cannot be read: {fix}");
        Self { path: ".".to_owned(), value: format!("{format:?}"), fix, message }
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self {
            path: error.path().to_owned(),
            value: error.value().to_owned(),
            fix: error.fix().to_owned(),
            message: error.to_string(),
        }
    }
}

/// The core's configuration.
pub(crate) fn read(document: &Document) -> Result<Config, Refusal> {
    let Some(format) = Format::from_extension(&document.format) else {
        return Err(Refusal::of_format(&document.format));
    };
    let mut config = Config::from_text(&document.text, format)?;
    for own in document.own() {
        if let Some(pool) = config.pools().get(&own.pool).cloned() {
            config = config.with_pool(own.pool.as_str(), pool.with_strategy(numbered(own.number)));
        }
    }
    Ok(config)
}

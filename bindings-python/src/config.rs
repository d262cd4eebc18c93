//! The configuration document: from a Python mapping or a file to the core's `Config`.

use std::collections::BTreeMap;

use pyo3::{intern, prelude::*, sync::PyOnceLock, types::PyType};
use tenantry::{Balancer as Core, Config, ConfigError, EndpointChange, Format, TenantSpec};

use crate::{balancer::Balancer, guard::guard, strategy::PyStrategy, time::ManualClock};

impl Balancer {
    /// The balancer of a configuration.
    pub(crate) fn build(py: Python<'_>, config: Config, clock: Option<&ManualClock>) -> PyResult<Self> {
        let ticking = clock.is_none();
        let core = guard(|| match clock {
            Some(clock) => Core::with_clock(config, clock.core.clone()),
            None => Core::new(config),
        })?;
        core.map(|core| Self { core, ticking }).map_err(|error| raised(py, &error))
    }

    /// Puts another configuration in force.
    pub(crate) fn update(&self, py: Python<'_>, config: Config) -> PyResult<()> {
        guard(|| self.core.reconfigure(config))?.map_err(|error| raised(py, &error))
    }
}

/// From a mapping with the document's keys. It goes through JSON text, so that every language reads the same document.
pub(crate) fn from_mapping(config: &Bound<'_, PyAny>) -> PyResult<Config> {
    let py = config.py();
    let (text, own): (String, BTreeMap<String, Py<PyAny>>) =
        python(py)?.call_method1(intern!(py, "to_document"), (config,))?.extract()?;
    let mut config = Config::from_text(&text, Format::Json).map_err(|error| raised(py, &error))?;
    for (name, function) in own {
        if let Some(pool) = config.pools().get(&name).cloned() {
            config = config.with_pool(name, pool.with_strategy(PyStrategy::spec(function)));
        }
    }
    Ok(config)
}

/// One tenant's table, from a mapping with its keys.
pub(crate) fn tenant(id: &str, spec: &Bound<'_, PyAny>) -> PyResult<TenantSpec> {
    let py = spec.py();
    let text: String = python(py)?.call_method1(intern!(py, "tenant_to_json"), (id, spec))?.extract()?;
    TenantSpec::from_text(id, &text, Format::Json).map_err(|error| raised(py, &error))
}

/// Changes of a pool's endpoints, from a mapping of what to do and with which.
pub(crate) fn endpoint_changes(pool: &str, changes: &Bound<'_, PyAny>) -> PyResult<Vec<EndpointChange>> {
    let py = changes.py();
    let text: String =
        python(py)?.call_method1(intern!(py, "changes_to_json"), (pool, changes))?.extract()?;
    EndpointChange::list_from_text(pool, &text, Format::Json).map_err(|error| raised(py, &error))
}

/// A pool's endpoints that were found, each as the document has it, as JSON.
pub(crate) fn found_text(pool: &str, endpoints: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = endpoints.py();
    python(py)?.call_method1(intern!(py, "found_to_json"), (pool, endpoints))?.extract()
}

/// From a TOML, YAML or JSON file, told apart by its ending.
pub(crate) fn from_file(path: &Bound<'_, PyAny>) -> PyResult<Config> {
    let py = path.py();
    let (text, ending): (String, String) =
        python(py)?.call_method1(intern!(py, "read_file"), (path,))?.extract()?;
    match Format::from_extension(&ending) {
        Some(format) => Config::from_text(&text, format).map_err(|error| raised(py, &error)),
        None => Err(raise(py, ".", &ending, "name the file .toml, .yaml, .yml or .json")),
    }
}

/// The core's error as `tenantry.ConfigError`.
pub(crate) fn raised(py: Python<'_>, error: &ConfigError) -> PyErr {
    raise(py, error.path(), error.value(), error.fix())
}

fn raise(py: Python<'_>, path: &str, value: &str, fix: &str) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    match CLASS
        .import(py, "tenantry._config", "ConfigError")
        .and_then(|class| class.call1((path, value, fix)))
    {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

fn python(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, "tenantry._config"))
}

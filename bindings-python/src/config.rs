//! The configuration document: from a Python mapping or a file to the core's `Config`.

use pyo3::{intern, prelude::*, sync::PyOnceLock, types::PyType};
use tenantry::{Config, ConfigError, Format};

/// From a mapping with the document's keys. It goes through JSON text, so that every language reads the same document.
pub(crate) fn from_mapping(config: &Bound<'_, PyAny>) -> PyResult<Config> {
    let py = config.py();
    let text: String = python(py)?.call_method1(intern!(py, "to_json"), (config,))?.extract()?;
    Config::from_text(&text, Format::Json).map_err(|error| raised(py, &error))
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

//! A strategy that is a Python function.

use std::sync::Arc;

use pyo3::{
    exceptions::PyException,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyType},
};
use tenantry::{Candidates, Strategy, StrategySpec};

use crate::guard::raise_after;

/// The function. It is called on the thread that asks, with no lock of the core held.
#[derive(Debug)]
pub(crate) struct PyStrategy {
    function: Py<PyAny>,
}

/// One endpoint, as it is at the moment.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Candidate {
    #[pyo3(get)]
    address: String,
    #[pyo3(get)]
    weight: u32,
    #[pyo3(get)]
    in_flight: u32,
    #[pyo3(get)]
    latency: Option<f64>,
    #[pyo3(get)]
    utilization: Option<f64>,
    #[pyo3(get)]
    usable: bool,
}

impl PyStrategy {
    /// As a pool takes it.
    pub(crate) fn spec(function: Py<PyAny>) -> StrategySpec {
        StrategySpec::custom(Arc::new(Self { function }))
    }

    fn call(&self, py: Python<'_>, candidates: &Candidates<'_>) -> PyResult<Option<usize>> {
        let shown: Vec<Candidate> = candidates
            .iter()
            .map(|one| Candidate {
                address: one.address().to_owned(),
                weight: one.weight(),
                in_flight: one.in_flight(),
                latency: one.latency().map(|latency| latency.as_secs_f64()),
                utilization: one.utilization(),
                usable: one.is_usable(),
            })
            .collect();
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let pick = (shown, candidates.turn(), candidates.draw(), candidates.has_waited());
        let shown = CLASS.import(py, "tenantry._strategy", "Candidates")?.call1(pick)?;
        let key = candidates.key().map(|key| PyBytes::new(py, key));
        let answer: Option<i64> = self.function.call1(py, (shown, key))?.extract(py)?;
        // What is below zero is an index that there is not.
        Ok(answer.and_then(|index| usize::try_from(index).ok()))
    }
}

impl Strategy for PyStrategy {
    fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
        // While the interpreter ends nobody can be asked.
        Python::try_attach(|py| {
            self.call(py, candidates).unwrap_or_else(|error| {
                if error.is_instance_of::<PyException>(py) {
                    // To `sys.unraisablehook`: the request is served all the same.
                    error.write_unraisable(py, Some(self.function.bind(py)));
                } else {
                    // Ctrl-C, `sys.exit`, what a signal's handler raises: it has come while the function ran, and is none of its business.
                    raise_after(error);
                }
                None
            })
        })?
    }
}

#[pymethods]
impl Candidate {
    fn __repr__(&self) -> String {
        format!("<Candidate {} weight {} in flight {}>", self.address, self.weight, self.in_flight)
    }
}

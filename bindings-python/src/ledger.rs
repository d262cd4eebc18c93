//! The ledger, from and to bytes; files are `tenantry._ledger`'s.

use pyo3::{
    Borrowed,
    exceptions::PyTypeError,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyModule, PyType},
};
use tenantry::{Balancer as Core, Ledger};

use crate::{balancer::Balancer, guard::guard};

/// What has been used, as bytes. Other threads run Python meanwhile: with many tenants it takes a while.
pub(crate) fn bytes<'py>(py: Python<'py>, core: &Core) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = py.detach(|| guard(|| core.ledger().to_bytes()))?;
    Ok(PyBytes::new(py, &bytes))
}

/// Puts back what bytes say; a `tenantry.Restored`.
pub(crate) fn restore<'py>(py: Python<'py>, core: &Core, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    static ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static RESTORED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let restored = py.detach(|| guard(|| Ledger::from_bytes(bytes).map(|ledger| core.restore(&ledger))))?;
    match restored {
        Ok(restored) => RESTORED
            .import(py, "tenantry._ledger", "Restored")?
            .call1((restored.tenants(), restored.left_out())),
        Err(error) => {
            let class = ERROR.import(py, "tenantry._ledger", "LedgerError")?;
            Err(PyErr::from_value(class.call1((error.to_string(),))?))
        }
    }
}

/// Whether bytes are a whole ledger of this version.
#[pyfunction]
pub(crate) fn _is_ledger(ledger: Frozen<'_>) -> PyResult<bool> {
    guard(|| Ledger::from_bytes(ledger.0).is_ok())
}

/// `bytes`, and nothing that could change while it is read.
pub(crate) struct Frozen<'a>(pub(crate) &'a [u8]);

impl<'a, 'py> FromPyObject<'a, 'py> for Frozen<'a> {
    type Error = PyErr;

    fn extract(ledger: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if ledger.is_instance_of::<PyBytes>() {
            return Ok(Self(ledger.extract()?));
        }
        let kind = ledger.get_type().name()?;
        Err(PyTypeError::new_err(format!("ledger: give the bytes that `ledger()` returned, not {kind}")))
    }
}

/// To a file.
pub(crate) fn save(balancer: &Bound<'_, Balancer>, path: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = balancer.py();
    let take = balancer.getattr(intern!(py, "ledger"))?;
    python(py)?.call_method1(intern!(py, "save"), (path, take)).map(drop)
}

/// From a file.
pub(crate) fn load<'py>(
    balancer: &Bound<'py, Balancer>,
    path: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = balancer.py();
    let restore = balancer.getattr(intern!(py, "restore"))?;
    python(py)?.call_method1(intern!(py, "load"), (path, restore))
}

fn python(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, "tenantry._ledger"))
}

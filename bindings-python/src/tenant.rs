//! Whose a request is: an id, or a handle that has hashed it once.

use pyo3::{exceptions::PyTypeError, prelude::*, types::PyString};
use tenantry::{Request, TenantHandle as Core};

/// A tenant's id that one balancer has hashed.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct TenantHandle {
    pub(crate) core: Core,
}

#[pymethods]
impl TenantHandle {
    #[getter]
    fn id(&self) -> &str {
        self.core.id()
    }

    fn __repr__(&self) -> String {
        format!("<TenantHandle {:?}>", self.core.id())
    }
}

/// What stands where a tenant is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Tenant<'a> {
    Id(&'a str),
    Handle(&'a Core),
}

impl<'a> Tenant<'a> {
    #[inline]
    pub(crate) const fn id(self) -> &'a str {
        match self {
            Self::Id(id) => id,
            Self::Handle(handle) => handle.id(),
        }
    }

    #[inline]
    pub(crate) const fn request(self) -> Request<'a> {
        match self {
            Self::Id(id) => Request::new(id),
            Self::Handle(handle) => Request::of(handle),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Tenant<'a> {
    type Error = PyErr;

    #[inline]
    fn extract(tenant: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        // First, because it is a comparison of two addresses; asking for a `str` is a call, under the stable ABI, and done once.
        if tenant.is_exact_instance_of::<TenantHandle>() {
            return Ok(Self::Handle(&tenant.cast::<TenantHandle>()?.get().core));
        }
        tenant.extract().map(Self::Id).map_err(|error| wrong(&tenant, error))
    }
}

/// Why it is no id: text that is not well-formed, or no text.
#[cold]
fn wrong(tenant: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    if tenant.is_instance_of::<PyString>() {
        return error;
    }
    match tenant.get_type().name() {
        Ok(kind) => {
            PyTypeError::new_err(format!("tenant: give its id as str, or a TenantHandle, not {kind}"))
        }
        Err(error) => error,
    }
}

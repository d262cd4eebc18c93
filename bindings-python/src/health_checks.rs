//! Health checks that the application does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use pyo3::{exceptions::PyValueError, prelude::*};
use tenantry::{
    CheckFailure, CheckKind, HealthCheck as CoreCheck, HealthCheckSpec, HealthChecks as Core,
    HttpCheck as CoreHttp,
};

use crate::guard::guard;

/// The health checks of one balancer, which it does not keep alive.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct HealthChecks {
    core: Arc<Core>,
}

/// One endpoint to ask, until it is known how it is, or this is dropped.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct HealthCheck {
    #[pyo3(get)]
    pool: String,
    #[pyo3(get)]
    address: String,
    #[pyo3(get)]
    kind: &'static str,
    #[pyo3(get)]
    subject: Option<String>,
    #[pyo3(get)]
    timeout: f64,
    spec: HealthCheckSpec,
    core: Mutex<Option<CoreCheck>>,
    checks: Arc<Core>,
}

/// What a check by HTTP asks, and which answers are good.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct HttpCheck {
    core: CoreHttp,
}

impl HealthChecks {
    pub(crate) fn new(core: Core) -> Self {
        Self { core: Arc::new(core) }
    }

    fn hand(&self, check: CoreCheck) -> HealthCheck {
        let (spec, kind) = (check.spec(), check.spec().kind());
        HealthCheck {
            pool: check.pool().to_owned(),
            address: check.address().to_owned(),
            kind: kind.name(),
            subject: kind.subject().map(str::to_owned),
            timeout: spec.timeout().as_secs_f64(),
            spec: spec.clone(),
            core: Mutex::new(Some(check)),
            checks: Arc::clone(&self.core),
        }
    }
}

#[pymethods]
impl HealthChecks {
    fn next_check(&self) -> PyResult<Option<HealthCheck>> {
        Ok(guard(|| self.core.next_check())?.map(|check| self.hand(check)))
    }

    fn due_in(&self) -> PyResult<Option<f64>> {
        Ok(guard(|| self.core.due_in())?.map(|wait| wait.as_secs_f64()))
    }
}

impl HealthCheck {
    /// Takes it out, once; what follows, follows outside the lock.
    fn take(&self) -> Option<CoreCheck> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl HealthCheck {
    #[getter]
    fn port(&self) -> Option<u16> {
        self.spec.port().map(u16::from)
    }

    #[getter]
    fn scheme(&self) -> &'static str {
        self.spec.scheme().name()
    }

    #[getter]
    fn server_name(&self) -> Option<&str> {
        self.spec.server_name()
    }

    #[getter]
    fn http(&self) -> Option<HttpCheck> {
        match self.spec.kind() {
            CheckKind::Http(http) => Some(HttpCheck { core: http.clone() }),
            _ => None,
        }
    }

    fn passed(&self) -> PyResult<bool> {
        let Some(check) = self.take() else { return Ok(false) };
        guard(|| self.checks.handle_passed(check))?;
        Ok(true)
    }

    #[pyo3(signature = (evidence="", *, reason="other"))]
    fn failed(&self, evidence: &str, reason: &str) -> PyResult<bool> {
        let known = CheckFailure::from_name(reason).ok_or_else(|| {
            let names = CheckFailure::names().join(", ");
            PyValueError::new_err(format!("reason: give one of {names}, not {reason:?}"))
        })?;
        let Some(check) = self.take() else { return Ok(false) };
        guard(|| self.checks.handle_failed(check, known, evidence))?;
        Ok(true)
    }

    fn __repr__(&self) -> String {
        format!("<HealthCheck {} of {} in {}>", self.kind, self.address, self.pool)
    }
}

#[pymethods]
impl HttpCheck {
    #[getter]
    fn method(&self) -> &str {
        self.core.method()
    }

    #[getter]
    fn path(&self) -> &str {
        self.core.path()
    }

    #[getter]
    fn host(&self) -> Option<&str> {
        self.core.host()
    }

    #[getter]
    fn headers(&self) -> BTreeMap<&str, &str> {
        self.core.headers().collect()
    }

    #[getter]
    fn body(&self) -> Option<&str> {
        self.core.body()
    }

    fn accepts(&self, status: i64) -> bool {
        u16::try_from(status).is_ok_and(|status| self.core.accepts(status))
    }

    fn __repr__(&self) -> String {
        format!("<HttpCheck {} {}>", self.core.method(), self.core.path())
    }
}

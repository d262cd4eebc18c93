//! Probes that the application carries, for pools with the strategy `prequal`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use pyo3::{
    exceptions::{PyStopAsyncIteration, PyValueError},
    prelude::*,
    sync::PyOnceLock,
};
use tenantry::{Probe as CoreProbe, ProbeReport, Probes as Core};

use crate::{blocking, guard::guard, request::measured, waker::LoopWaker};

/// The probes of one balancer, which it does not keep alive.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Probes {
    core: Arc<Core>,
}

/// One question to one endpoint, until it is answered, given up or dropped.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Probe {
    #[pyo3(get)]
    address: String,
    #[pyo3(get)]
    path: String,
    #[pyo3(get)]
    timeout: f64,
    core: Mutex<Option<CoreProbe>>,
    probes: Arc<Core>,
}

impl Probes {
    pub(crate) fn new(core: Core) -> Self {
        Self { core: Arc::new(core) }
    }

    fn hand(&self, probe: CoreProbe) -> Probe {
        Probe {
            address: probe.address().to_owned(),
            path: probe.path().to_owned(),
            timeout: probe.timeout().as_secs_f64(),
            core: Mutex::new(Some(probe)),
            probes: Arc::clone(&self.core),
        }
    }

    /// The next one; `Ready(None)` when the balancer is gone.
    fn poll(&self, waker: &Waker) -> PyResult<Poll<Option<Probe>>> {
        let polled = guard(|| self.core.poll_probe(&mut Context::from_waker(waker)))?;
        Ok(polled.map(|probe| probe.map(|probe| self.hand(probe))))
    }
}

#[pymethods]
impl Probes {
    fn next_probe(&self) -> PyResult<Option<Probe>> {
        Ok(guard(|| self.core.next_probe())?.map(|probe| self.hand(probe)))
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Probe>> {
        let waker = blocking::waker();
        loop {
            if let Poll::Ready(probe) = self.poll(&waker)? {
                return Ok(probe);
            }
            blocking::park(py, blocking::LONGEST_PAUSE)?;
        }
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, PyAny>> {
        static NEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        NEXT.import(slf.py(), "tenantry._wait", "next_probe")?.call1((slf,))
    }

    /// The next one, or `None`, and then `future` is resolved once there is one.
    fn _poll(&self, future: &Bound<'_, PyAny>) -> PyResult<Option<Probe>> {
        match self.poll(&Waker::from(Arc::new(LoopWaker::new(future)?)))? {
            Poll::Ready(Some(probe)) => Ok(Some(probe)),
            Poll::Ready(None) => Err(PyStopAsyncIteration::new_err(())),
            Poll::Pending => Ok(None),
        }
    }
}

impl Probe {
    /// Takes it out, once; what is done with it is done outside the lock, because its end may wake others, and that is Python code.
    fn take(&self) -> Option<CoreProbe> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl Probe {
    #[pyo3(signature = (rif, latency=None))]
    fn answer(&self, rif: i64, latency: Option<f64>) -> PyResult<bool> {
        let mut report = ProbeReport::new(u32::try_from(rif).map_err(|_| {
            PyValueError::new_err(format!("rif: give a whole number from 0 to {}, not {rif}", u32::MAX))
        })?);
        if let Some(seconds) = latency {
            report = report.with_latency(measured("latency", seconds)?);
        }
        let Some(probe) = self.take() else { return Ok(false) };
        guard(|| self.probes.handle_answer(probe, &report))?;
        Ok(true)
    }

    fn fail(&self) -> PyResult<bool> {
        let probe = self.take();
        let open = probe.is_some();
        guard(|| drop(probe))?;
        Ok(open)
    }

    fn __repr__(&self) -> String {
        format!("<Probe {} {}>", self.address, self.path)
    }
}

//! A request that may wait, as an awaitable.
//!
//! Mostly it is answered when it is made: then awaiting it touches no event loop. Otherwise `_wait.wait` takes over, a coroutine in
//! Python, which polls with a [`LoopWaker`] and sets the timer.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use pyo3::{exceptions::PyRuntimeError, intern, prelude::*, sync::PyOnceLock};
use tenantry::{Acquire as Core, Rejection};

use crate::{
    balancer::Balancer,
    done::{Done, done},
    guard::guard,
    lease::Lease,
    outcome,
    rejection::raised,
    waker::LoopWaker,
};

/// A request on its way to a lease.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Acquire {
    stage: Mutex<Stage>,
    /// By `async with`, whose end finishes the lease.
    entered: AtomicBool,
    lease: OnceLock<Py<Lease>>,
}

/// How far it has come.
enum Stage {
    Granted(Py<Lease>),
    Refused(Rejection),
    Waiting(Box<Waiting>),
    /// It has given its answer, was cancelled, or is being polled.
    Gone,
}

struct Waiting {
    core: Core,
    balancer: Py<Balancer>,
}

impl Acquire {
    #[inline]
    pub(crate) fn new(mut core: Core, balancer: &Bound<'_, Balancer>) -> PyResult<Self> {
        let py = balancer.py();
        let stage = match guard(|| Pin::new(&mut core).poll(&mut Context::from_waker(Waker::noop())))? {
            Poll::Ready(Ok(lease)) => Stage::Granted(Py::new(py, Lease::new(py, lease))?),
            Poll::Ready(Err(rejection)) => Stage::Refused(rejection),
            Poll::Pending => Stage::Waiting(Box::new(Waiting { core, balancer: balancer.clone().unbind() })),
        };
        Ok(Self { stage: Mutex::new(stage), entered: AtomicBool::new(false), lease: OnceLock::new() })
    }

    /// The lease, if it is there by now. The stage is taken out meanwhile, because polling may wake others, and that is Python code.
    #[inline]
    fn ask(&self, py: Python<'_>, waker: &Waker) -> PyResult<Option<Py<Lease>>> {
        match self.swap(Stage::Gone) {
            Stage::Granted(lease) => Ok(Some(self.deliver(py, lease))),
            Stage::Refused(rejection) => Err(raised(py, &rejection)),
            Stage::Waiting(waiting) => self.ask_again(py, waiting, waker),
            Stage::Gone => Err(PyRuntimeError::new_err(
                "this acquire() has given its answer, was cancelled, or is awaited elsewhere",
            )),
        }
    }

    fn ask_again(
        &self,
        py: Python<'_>,
        mut waiting: Box<Waiting>,
        waker: &Waker,
    ) -> PyResult<Option<Py<Lease>>> {
        match guard(|| Pin::new(&mut waiting.core).poll(&mut Context::from_waker(waker)))? {
            Poll::Ready(Ok(lease)) => Ok(Some(self.deliver(py, Py::new(py, Lease::new(py, lease))?))),
            Poll::Ready(Err(rejection)) => Err(raised(py, &rejection)),
            Poll::Pending => {
                self.swap(Stage::Waiting(waiting));
                Ok(None)
            }
        }
    }

    #[inline]
    fn deliver(&self, py: Python<'_>, lease: Py<Lease>) -> Py<Lease> {
        if self.entered.load(Ordering::Relaxed) {
            // Never set before: there is one answer.
            drop(self.lease.set(lease.clone_ref(py)));
        }
        lease
    }

    /// What is dropped or polled, is so outside the lock: both run Python code.
    #[inline]
    fn swap(&self, stage: Stage) -> Stage {
        mem::replace(&mut self.stage.lock().unwrap_or_else(PoisonError::into_inner), stage)
    }

    fn look<R>(&self, at: impl FnOnce(&Stage) -> R) -> R {
        at(&self.stage.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Acquire {
    fn __await__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, PyAny>> {
        static READY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static WAIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = slf.py();
        match slf.get().ask(py, Waker::noop())? {
            Some(lease) => READY.import(py, "tenantry._wait", "ready")?.call1((lease,)),
            None => WAIT
                .import(py, "tenantry._wait", "wait")?
                .call1((slf,))?
                .call_method0(intern!(py, "__await__")),
        }
    }

    fn __aenter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf.get().entered.store(true, Ordering::Relaxed);
        slf
    }

    fn __aexit__<'py>(
        &self,
        exc_type: &Bound<'py, PyAny>,
        _exc: &Bound<'py, PyAny>,
        _traceback: &Bound<'py, PyAny>,
    ) -> PyResult<Py<Done>> {
        if let Some(lease) = self.lease.get() {
            lease.get().end(outcome::of_exit(exc_type)?)?;
        }
        done(exc_type.py())
    }

    fn poll(&self, py: Python<'_>) -> PyResult<Option<Py<Lease>>> {
        self.ask(py, Waker::noop())
    }

    fn cancel(&self) -> PyResult<bool> {
        let stage = self.swap(Stage::Gone);
        let there = !matches!(stage, Stage::Gone);
        guard(|| drop(stage))?;
        Ok(there)
    }

    /// Polls, and when it still waits, sees to it that `future` is resolved once there is news.
    fn _poll(&self, py: Python<'_>, future: &Bound<'_, PyAny>) -> PyResult<Option<Py<Lease>>> {
        self.ask(py, &Waker::from(Arc::new(LoopWaker::new(future)?)))
    }

    /// Seconds until it must be polled again; `inf` where time stands still until it is advanced, which wakes by itself.
    fn _delay(&self) -> f64 {
        let left = self.look(|stage| match stage {
            Stage::Waiting(waiting) => waiting.balancer.get().time_left(waiting.core.deadline()?),
            Stage::Granted(_) | Stage::Refused(_) | Stage::Gone => None,
        });
        left.map_or(f64::INFINITY, |left| left.as_secs_f64())
    }

    fn __repr__(&self) -> &'static str {
        self.look(|stage| match stage {
            Stage::Granted(_) | Stage::Refused(_) => "<Acquire ready>",
            Stage::Waiting(_) => "<Acquire waiting>",
            Stage::Gone => "<Acquire resolved>",
        })
    }
}

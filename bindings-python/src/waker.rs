//! From a `Waker` to an `asyncio.Future`, without a runtime.

use std::{
    cell::RefCell,
    sync::Arc,
    task::Wake,
    thread::{self, ThreadId},
};

use pyo3::{
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyWeakrefMethods, PyWeakrefReference},
};

/// Resolves a future of one event loop.
///
/// It refers to the future weakly. So a task that is abandoned, with its loop closed, is garbage as a whole, and its end gives its place
/// in line up; and the core may drop a waker under a lock, because a weak reference's end runs no Python code. The core wakes
/// outside its locks, so taking the GIL here cannot deadlock.
pub(crate) struct LoopWaker {
    future: Py<PyWeakrefReference>,
    home: ThreadId,
}

impl LoopWaker {
    /// To be called on the thread of the future's loop.
    pub(crate) fn new(future: &Bound<'_, PyAny>) -> PyResult<Self> {
        let future = PyWeakrefReference::new(future)?.unbind();
        Ok(Self { future, home: thread::current().id() })
    }

    /// On the loop's own thread the future is resolved at once: a third of the cost of going through the loop's self-pipe.
    fn resolve(&self, py: Python<'_>) -> PyResult<()> {
        static RESOLVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Some(future) = self.future.bind(py).upgrade() else { return Ok(()) };
        let resolve = RESOLVE.import(py, "tenantry._wait", "resolve")?;
        if thread::current().id() == self.home {
            resolve.call1((future,))?;
        } else {
            let event_loop = future.call_method0(intern!(py, "get_loop"))?;
            event_loop.call_method1(intern!(py, "call_soon_threadsafe"), (resolve, future))?;
        }
        Ok(())
    }

    fn wake_now(&self) {
        // `None`: the interpreter is going down, and nobody waits any more.
        // An error: the loop is closed; its tasks, and with them the request, end when they are collected.
        Python::try_attach(|py| {
            // A lease may end because an exception empties the stack, and no Python code may run while one is set.
            let raised = PyErr::take(py);
            drop(self.resolve(py));
            if let Some(error) = raised {
                error.restore(py);
            }
        });
    }
}

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        // An error: the thread is ending, and holds nobody back any more.
        let held = HELD.try_with(|held| match &mut *held.borrow_mut() {
            Some(line) => {
                line.push(Arc::clone(&self));
                true
            }
            None => false,
        });
        if !held.unwrap_or(false) {
            self.wake_now();
        }
    }
}

thread_local! {
    /// Those whom this thread is to wake later.
    static HELD: RefCell<Option<Vec<Arc<LoopWaker>>>> = const { RefCell::new(None) };
}

/// Does something of which the core may wake loops, and wakes them when it is over: `act` itself runs no Python code, and may hold a lock.
pub(crate) fn held<R>(act: impl FnOnce() -> R) -> R {
    HELD.set(Some(vec![]));
    let result = act();
    for waker in HELD.take().into_iter().flatten() {
        waker.wake_now();
    }
    result
}

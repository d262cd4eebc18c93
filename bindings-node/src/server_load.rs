//! The other side of a probe: how a server knows its own load.

use std::rc::Rc;

use napi_derive::napi;
use tenantry::{Begun, Clock, ServerLoad, SystemClock};

use crate::clock::NativeClock;

/// Counts a server's requests.
#[napi]
#[derive(Debug)]
pub struct NativeServerLoad {
    counted: Rc<Counted>,
}

/// A request in flight at a server. Collected by Node, it has broken off.
#[napi]
#[derive(Debug)]
pub struct NativeBegun {
    begun: Option<Begun>,
    counted: Rc<Counted>,
}

/// The core's part, and the clock that it goes by.
#[derive(Debug)]
struct Counted {
    load: ServerLoad,
    clock: Box<dyn Clock>,
}

/// What to answer a probe.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerReport {
    /// Requests in flight.
    pub rif: u32,
    /// The median latency in milliseconds, if any is known.
    pub latency_ms: Option<f64>,
}

#[napi]
impl NativeServerLoad {
    /// Nothing in flight, by this clock or the machine's.
    #[napi(constructor, catch_unwind)]
    #[must_use]
    pub fn new(clock: Option<&NativeClock>) -> Self {
        let clock: Box<dyn Clock> = match clock {
            Some(clock) => Box::new(clock.shared()),
            None => Box::new(SystemClock::new()),
        };
        Self { counted: Rc::new(Counted { load: ServerLoad::new(), clock }) }
    }

    /// A request has come.
    #[napi(catch_unwind)]
    pub fn begin(&self) -> NativeBegun {
        let begun = self.counted.load.begin(self.counted.clock.now());
        NativeBegun { begun: Some(begun), counted: Rc::clone(&self.counted) }
    }

    /// What to answer a probe now.
    #[napi(catch_unwind)]
    pub fn report(&self) -> ServerReport {
        let report = self.counted.load.report(self.counted.clock.now());
        let latency_ms = report.latency().map(|latency| latency.as_secs_f64() * 1e3);
        ServerReport { rif: report.rif(), latency_ms }
    }
}

#[napi]
impl NativeBegun {
    /// It has been answered in full.
    #[napi(catch_unwind)]
    pub fn end(&mut self) {
        if let Some(begun) = self.begun.take() {
            self.counted.load.end(begun, self.counted.clock.now());
        }
    }

    /// It has broken off.
    #[napi(catch_unwind)]
    pub fn abandon(&mut self) {
        if let Some(begun) = self.begun.take() {
            self.counted.load.abandon(begun);
        }
    }
}

impl Drop for NativeBegun {
    fn drop(&mut self) {
        self.abandon();
    }
}

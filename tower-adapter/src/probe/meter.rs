//! A server's load, and each request's part in it.

use std::sync::Arc;

use tenantry::{Begun, Clock, ProbeReport, ServerLoad, SystemClock};

/// Counts and times all requests of one server.
#[derive(Debug, Default)]
pub(super) struct Meter {
    load: ServerLoad,
    clock: SystemClock,
}

/// A request in flight, until it is finished or dropped.
#[derive(Debug)]
pub(super) struct Presence {
    meter: Arc<Meter>,
    begun: Option<Begun>,
}

impl Meter {
    pub(super) fn report(&self) -> ProbeReport {
        self.load.report(self.clock.now())
    }
}

impl Presence {
    pub(super) fn begin(meter: &Arc<Meter>) -> Self {
        Self { begun: Some(meter.load.begin(meter.clock.now())), meter: Arc::clone(meter) }
    }

    /// It is served: its latency counts.
    pub(super) fn finish(&mut self) {
        if let Some(begun) = self.begun.take() {
            self.meter.load.end(begun, self.meter.clock.now());
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(begun) = self.begun.take() {
            self.meter.load.abandon(begun);
        }
    }
}

//! One question to one endpoint, on its way.

use std::{fmt, sync::Arc, time::Duration};

use super::{Bell, picking::Probing};
use crate::{load::ProbeReport, time::Time};

/// A probe that is to be carried: ask the endpoint for its load, and hand in what it says with [`Probes::handle_answer`](crate::Probes::handle_answer).
///
/// One that fails or takes too long is dropped: that teaches nothing and makes room for the next.
#[must_use = "a dropped probe is one that has failed"]
pub struct Probe {
    address: Box<str>,
    endpoint: u32,
    /// 1 / weight.
    step: f32,
    probing: Arc<Probing>,
    bell: Arc<Bell>,
}

impl Probe {
    pub(super) fn new(
        address: &str,
        endpoint: u32,
        step: f32,
        (probing, bell): (Arc<Probing>, Arc<Bell>),
    ) -> Self {
        Self { address: address.into(), endpoint, step, probing, bell }
    }

    /// The endpoint's address, as the configuration writes it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the endpoint answers probes: [`PrequalSpec::with_path`](crate::PrequalSpec::with_path).
    #[must_use]
    pub fn path(&self) -> &str {
        self.probing.path()
    }

    /// When to give it up.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.probing.timeout()
    }

    pub(crate) fn handle_answer(self, report: &ProbeReport, now: Time) {
        self.probing.handle_answer(self.endpoint, self.step, report, now);
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.probing.end_probe();
        // Where as many were under way as may be, there is room again.
        self.bell.ring();
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("address", &self.address)
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

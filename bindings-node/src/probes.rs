//! Probes that the application carries, for pools with the strategy `prequal`.

use std::{
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use napi_derive::napi;
use tenantry::{Probe, ProbeReport, Probes};

use crate::native::NativeBalancer;

/// One question to one endpoint. Collected by Node, it has failed.
#[napi]
#[derive(Debug)]
pub struct NativeProbe {
    probe: Option<Probe>,
    probes: Rc<Probes>,
}

#[napi]
impl NativeBalancer {
    /// The next probe that is due. Where there is none and somebody waits, `on_wake` is called when there is.
    #[napi(catch_unwind)]
    pub fn next_probe(&self, waits: bool) -> Option<NativeProbe> {
        let probes = &self.state.probes;
        let probe = if waits {
            match probes.poll_probe(&mut Context::from_waker(&self.state.wakes.bell())) {
                Poll::Ready(probe) => probe,
                Poll::Pending => None,
            }
        } else {
            probes.next_probe()
        };
        probe.map(|probe| NativeProbe { probe: Some(probe), probes: Rc::clone(probes) })
    }
}

#[napi]
impl NativeProbe {
    /// The endpoint's address; none once it is over.
    #[napi(catch_unwind)]
    pub fn address(&self) -> Option<String> {
        self.probe.as_ref().map(|probe| probe.address().to_owned())
    }

    /// Where the endpoint answers probes.
    #[napi(catch_unwind)]
    pub fn path(&self) -> Option<String> {
        self.probe.as_ref().map(|probe| probe.path().to_owned())
    }

    /// The milliseconds after which it is worth nothing.
    #[napi(catch_unwind)]
    pub fn timeout(&self) -> Option<f64> {
        self.probe.as_ref().map(|probe| probe.timeout().as_secs_f64() * 1e3)
    }

    /// What the endpoint said.
    #[napi(catch_unwind)]
    pub fn answer(&mut self, rif: u32, latency: Option<f64>) {
        let Some(probe) = self.probe.take() else { return };
        let mut report = ProbeReport::new(rif);
        if let Some(millis) = latency {
            report = report.with_latency(Duration::try_from_secs_f64(millis / 1e3).unwrap_or(Duration::MAX));
        }
        self.probes.handle_answer(probe, &report);
    }

    /// Gives it up.
    #[napi(catch_unwind)]
    pub fn fail(&mut self) {
        drop(self.probe.take());
    }
}

//! What is rarely asked of a lease.

use napi::{Either, bindgen_prelude::BigInt};
use napi_derive::napi;
use tenantry::{Lease, LoadReport};

use crate::{native::NativeBalancer, tickets::Ticket};

#[napi]
impl NativeBalancer {
    /// The token with which a session returns to this lease's endpoint.
    #[napi(catch_unwind)]
    pub fn affinity_token(&self, slot: u32, generation: u32) -> Option<String> {
        self.state.with_lease(Ticket { slot, generation }, |lease| lease.affinity_token())?
    }

    /// The pool that serves it.
    #[napi(catch_unwind)]
    pub fn pool_of(&self, slot: u32, generation: u32) -> Option<String> {
        self.state.with_lease(Ticket { slot, generation }, |lease| Lease::pool(lease))?
    }

    /// When the endpoint was picked, in nanoseconds on the balancer's clock.
    #[napi(catch_unwind)]
    pub fn acquired_at(&self, slot: u32, generation: u32) -> Option<BigInt> {
        let at = self.state.with_lease(Ticket { slot, generation }, |lease| lease.acquired_at());
        at.map(|at| at.as_nanos().into())
    }

    /// Learns what the endpoint says of its load: what is wrong with it, if it cannot be read.
    #[napi(catch_unwind)]
    pub fn report_load(&self, slot: u32, generation: u32, report: String) -> Either<(), String> {
        match LoadReport::from_header(report.as_bytes()) {
            Ok(report) => {
                self.state.with_lease(Ticket { slot, generation }, |lease| lease.report_load(&report));
                Either::A(())
            }
            Err(error) => Either::B(error.to_string()),
        }
    }
}

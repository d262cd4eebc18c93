//! The ledger, from and to bytes; files are `lib/ledger.cjs`'s.

use napi::bindgen_prelude::{Buffer, Either};
use napi_derive::napi;
use tenantry::Ledger;

use crate::native::NativeBalancer;

/// What putting a ledger back has done.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Restored {
    /// Tenants that have back what they had used.
    pub tenants: f64,
    /// Tenants that are neither named nor made.
    pub left_out: f64,
}

/// Whether bytes are a whole ledger of this version.
#[napi(catch_unwind)]
pub fn is_ledger(bytes: Buffer) -> bool {
    Ledger::from_bytes(&bytes).is_ok()
}

#[napi]
impl NativeBalancer {
    /// What tenants have used, as bytes.
    #[napi(catch_unwind)]
    pub fn ledger(&self) -> Buffer {
        self.state.balancer.ledger().to_bytes().into()
    }

    /// How many requests have been charged for good since a ledger was first asked for. Exact to 2⁵³.
    #[napi(catch_unwind)]
    pub fn settlements(&self) -> f64 {
        self.state.balancer.settlements() as f64
    }

    /// Puts back what bytes say; why not, if they are not a whole ledger.
    #[napi(catch_unwind)]
    pub fn restore(&self, bytes: Buffer) -> Either<Restored, String> {
        match Ledger::from_bytes(&bytes) {
            Ok(ledger) => {
                let restored = self.state.balancer.restore(&ledger);
                Either::A(Restored {
                    tenants: restored.tenants() as f64,
                    left_out: restored.left_out() as f64,
                })
            }
            Err(error) => Either::B(error.to_string()),
        }
    }
}

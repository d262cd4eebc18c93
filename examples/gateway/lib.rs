//! The parts of the gateway example: a multi-tenant reverse proxy made of `tenantry-tower`.
//!
//! ```text
//! serve ─► route ─► TenantLayer ─► meter ─► RejectionLayer ─► BalanceLayer ─► ReverseProxy
//! ```
//!
//! `config` reads the `[gateway]` table, `demo` runs it all against upstreams and load of its own.

#![forbid(unsafe_code)]

pub mod config;
pub mod demo;
pub mod load;
pub mod meter;
pub mod open_loop;
pub mod route;
pub mod serve;
pub mod table;
pub mod upstream;

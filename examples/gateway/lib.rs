//! The parts of the gateway example: a multi-tenant reverse proxy made of `tenantry-tower`.
//!
//! ```text
//! listener ─► LogLayer ─► (ServerSpanLayer ─►) (GuardLayer ─►) RejectionLayer ─► IdentityLayer ─► (ByTenantLayer ─►) RouteLayer ─► the route's lane
//! lane: meter ─► RateLimitLayer ─► (MirrorLayer ─►) RejectionLayer ─► (RetryLayer ─► HedgeLayer ─►) BalanceLayer ─► ReverseProxy
//! ```
//!
//! `command` is the command line, `config` reads the `[gateway]` table, `admin` serves the balancer's own pages beside all this, `demo` runs it all against upstreams and load of its own.

#![forbid(unsafe_code)]

pub mod admin;
pub mod again;
mod alert;
pub mod command;
pub mod config;
pub mod demo;
mod discovery;
mod document;
mod document_error;
mod forwarded;
mod guard;
mod identify;
pub mod keys;
mod lanes;
mod leaving;
pub mod listener;
pub mod load;
pub mod log;
pub mod meter;
mod mirror;
pub mod open_loop;
pub mod otel;
pub mod process;
mod proxy_protocol;
mod refusals;
pub mod reload;
mod rereading;
pub mod route;
pub mod routes;
pub mod serve;
mod stack;
mod switch;
pub mod table;
pub mod tls;
mod token;
mod transports;
pub mod unfit;
pub mod upstream;
mod values;

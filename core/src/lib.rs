//! Tenantry: a multi-tenant load balancer to embed.
//!
//! Every request names its tenant. Tenantry decides whether it may run now, which endpoint serves it, and learns from how it went,
//! so that no tenant can slow, starve or see another. This crate decides and does nothing else: no runtime, no I/O, no threads.
//!
//! One decision has five steps: **identify** the tenant, check its **limit**s, **admit** it to a seat (at once, or through a weighted
//! fair queue), **pick** an endpoint; the caller makes the call, and the lease **settle**s what it taught.
//!
//! ```
//! use tenantry::{Balancer, Config, Outcome, PoolSpec, Request, TenantSpec};
//!
//! let config = Config::new()
//!     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]))
//!     .with_tenant("acme", TenantSpec::new().with_weight(3));
//! let balancer = Balancer::new(config)?;
//!
//! let lease = balancer.try_acquire(&Request::new("acme").pool("api"))?;
//! println!("call {}", lease.endpoint().address());
//! lease.finish(Outcome::success());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Features (all off by default, none changes behaviour): `config` reads the configuration document from JSON and makes
//! [`Stats`] serialisable, `toml` and `yaml` read it from those too; `ledger` writes what is used of limits to bytes, and reads it back.

#![forbid(unsafe_code)]

mod admission;
mod balancer;
mod config;
mod endpoint;
mod event;
mod ewma;
mod health;
mod id;
#[cfg(feature = "ledger")]
mod ledger;
mod limit;
mod load;
mod outcome;
mod pool;
mod rejection;
mod request;
mod rng;
mod stats;
mod strategy;
mod sync;
mod tenant;
mod time;

pub use balancer::{Acquire, Balancer, Lease, LimitStatus};
#[cfg(feature = "config")]
pub use config::Format;
pub use config::{
    AdaptiveSpec, AimdSpec, Amount, Budget, BudgetPeriod, CapacitySpec, CodelSpec, Config, ConfigError,
    EndpointSpec, Gradient2Spec, GradientSpec, OutlierSpec, PoolSpec, QueueOrder, QueueSpec, Rate, RateUnit,
    SeatsSpec, StrategySpec, TenantSpec, UnknownTenants, VegasSpec,
};
pub use endpoint::Endpoint;
pub use event::Event;
pub use id::TenantHandle;
#[cfg(feature = "ledger")]
pub use ledger::{Ledger, LedgerError, LedgerStore, Restored};
pub use outcome::{Outcome, OutcomeKind};
pub use rejection::Rejection;
pub use request::Request;
pub use stats::{EndpointStats, PoolStats, Stats, TenantPage, TenantStats};
pub use time::{Clock, ClockListener, ManualClock, SystemClock, Time};

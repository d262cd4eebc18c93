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
//! [`Stats`] serialisable, `toml` and `yaml` read it from those too; `ledger` writes what is used of limits to bytes, and reads it back;
//! `orca` reads [`LoadReport`]s from HTTP headers.

#![forbid(unsafe_code)]

mod admission;
mod affinity;
mod attempt;
mod backoff;
mod balancer;
mod condition;
mod config;
mod custom;
mod discovery;
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
mod upstream;

pub use attempt::Attempt;
pub use backoff::Backoff;
pub use balancer::{Acquire, Balancer, Discovery, HealthCheck, HealthChecks, Lease, LimitStatus, Probes};
pub use condition::{CheckFailure, EjectionReason, HealthOverride, HealthState};
#[cfg(feature = "config")]
pub use config::Format;
pub use config::{
    AdaptiveSpec, AimdSpec, Amount, AttemptsSpec, Budget, BudgetPeriod, CapacitySpec, CheckKind, CheckScheme,
    CodelSpec, Config, ConfigError, CooldownScope, CooldownSpec, CustomSpec, DiscoverySpec, EndpointChange,
    EndpointSpec, FailurePercentageSpec, Gradient2Spec, GradientSpec, Grant, HealthCheckSpec, HttpCheck,
    InitialHealth, KetamaSpec, LatencyOutlierSpec, LeastLoadedSpec, LoadKind, MaglevSpec, OutlierSpec,
    P2cSpec, PoolSpec, PrequalSpec, QueueOrder, QueueSpec, Rate, RateUnit, RendezvousSpec, RingSpec,
    RoundRobinSpec, SeatsSpec, SlowStartSpec, StrategySpec, SubsetSpec, SuccessRateSpec, TenantSpec,
    TiersSpec, UnknownTenants, VegasSpec, WeightedSpec,
};
pub use custom::{Candidate, Candidates, Strategy};
pub use discovery::{DiscoveryFailure, DiscoveryStatus};
pub use endpoint::Endpoint;
pub use event::{Event, EventCursor};
pub use id::TenantHandle;
#[cfg(feature = "ledger")]
pub use ledger::{Ledger, LedgerError, LedgerStore, Restored};
#[cfg(feature = "orca")]
pub use load::LoadReportError;
pub use load::{Begun, LoadReport, ProbeReport, ServerLoad};
pub use outcome::{FailureCause, Outcome, OutcomeKind};
pub use rejection::Rejection;
pub use request::Request;
pub use stats::{AttemptStats, EndpointStats, PoolStats, RejectionStats, Stats, TenantPage, TenantStats};
pub use strategy::Probe;
pub use time::{Clock, ClockListener, ManualClock, SystemClock, Time};
pub use upstream::{UpstreamLimit, UpstreamReport};

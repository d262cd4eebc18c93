//! Health checks: asks a balancer's endpoints whether they serve, as their pools say
//! ([`PoolSpec::with_health_check`](tenantry::PoolSpec::with_health_check), in the document `health = { probe = … }`).
//!
//! ```
//! use tenantry::{Balancer, Config, HealthCheckSpec, PoolSpec};
//! use tenantry_tower::health::HealthChecker;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tenantry::ConfigError> {
//! let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"])
//!     .with_health_check(HealthCheckSpec::http("/healthz"));
//! let balancer = Balancer::new(Config::new().with_pool("api", pool))?;
//! let checking = HealthChecker::new(&balancer).start(); // runs until it is dropped, or the balancer is gone
//! # drop(checking);
//! # Ok(())
//! # }
//! ```
//!
//! | check | passes when |
//! |---|---|
//! | `http = "/healthz"` | the answer's status is good (200 to 299 unless told otherwise), and its body has the text that it should have, if any |
//! | `tcp = true` | a connection is accepted |
//! | `tls = true` | a handshake succeeds, with a certificate that is trusted and of the right name; feature `health-tls` |
//! | `grpc = "service"` | `grpc.health.v1.Health/Check` says `SERVING`; feature `health-grpc`. A server without that service fails |
//! | `custom = "name"` | the function [of this name](HealthChecker::with_custom) says so |
//!
//! HTTP and gRPC go over TLS where the address begins with `https://`, or as `scheme` says (feature `health-tls`). A check that cannot be made, because a feature or a function is missing, or the address
//! has no port, has failed: events say so.
//!
//! Each check opens a connection of its own and closes it: an endpoint that answers old connections but accepts no new ones is not healthy. No check takes longer than the pool's `timeout`. When to check is the
//! core's to say ([`tenantry::HealthChecks`]): evenly, without bursts, however many endpoints there are. (What [`probe`](crate::probe) carries is something else: questions for load.)

mod checker;
mod checking;
mod connection;
mod custom;
mod failed;
#[cfg_attr(not(feature = "health-grpc"), path = "no_grpc.rs")]
mod grpc;
mod http;
mod question;
mod target;
#[cfg_attr(not(feature = "health-tls"), path = "no_tls.rs")]
mod tls;

pub use checker::HealthChecker;
pub use checking::HealthChecking;
pub use custom::CheckedEndpoint;
pub use failed::CheckFailed;
#[cfg(feature = "health-tls")]
pub use tls::PoolTls;
#[cfg(feature = "health-tls")]
pub use tokio_rustls::rustls;

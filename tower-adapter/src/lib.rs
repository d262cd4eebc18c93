//! Tenantry as [tower] layers and services: every HTTP request names its tenant, waits for its fair turn, and goes to
//! the endpoint that was picked for it.
//!
//! ```text
//! TenantLayer ──► RejectionLayer ──► BalanceLayer ──► ReverseProxy, or a client of your own
//! whose is it?    refusals become    a seat and an     sends it to the
//!                 HTTP answers       endpoint, held    picked endpoint
//!                                    to the last byte
//! ```
//!
//! Each part works alone, under axum, tonic or plain hyper (`examples/` of this package). Between refusals and balancing there is room for [retries](retry) and [hedges](hedge). A whole reverse proxy is these four:
//!
//! ```
//! use http_body_util::Empty;
//! use tenantry::{Balancer, Config, PoolSpec, TenantSpec};
//! use tenantry_tower::{balance::BalanceLayer, proxy::ReverseProxy, rejection::RejectionLayer, tenant::TenantLayer};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new()
//!     .with_pool("api", PoolSpec::new(["http://127.0.0.1:9"]))
//!     .with_tenant("acme", TenantSpec::default());
//! let proxy = ServiceBuilder::new()
//!     .layer(TenantLayer::header("x-tenant"))
//!     .layer(RejectionLayer::new())
//!     .layer(BalanceLayer::new(Balancer::new(config)?))
//!     .service(ReverseProxy::new());
//!
//! // Nobody listens on port 9, so this request's tenant is served a 502; a stranger is refused with a 403.
//! for (tenant, status) in [("acme", 502), ("stranger", 403)] {
//!     let request = http::Request::get("/").header("host", "api.test").header("x-tenant", tenant);
//!     let answer = proxy.clone().oneshot(request.body(Empty::<bytes::Bytes>::new())?).await?;
//!     assert_eq!(answer.status(), status);
//! }
//! # Ok(())
//! # }
//! ```

//! [`identity`] says whose a request is by credentials, and [`route`] which pool serves it and who may.
//! [`mirror`] copies a share of the traffic elsewhere. [`guard`], around all, bans who is refused too often; [`fault`] makes faults on purpose, for tests. Beside them, [`discovery`] keeps a pool's endpoints as DNS, a file or tower's `Discover` says, [`health`] asks endpoints whether they serve, [`probe`] carries probes, and [`ledger`] keeps what was used over a restart.
//!
//! [`log`] tells of requests and decisions, [`metrics`] is what Prometheus reads, [`admin`] what people read and decide by: health, status, a dashboard, actions, and [`alert`] calls for help.
//!
//! Features (off by default; `full` is all of them): `admin`, `discovery-dns` for endpoints from DNS, `discovery-file` for endpoints from a watched file, `health-tls` and `health-grpc` for
//! health checks by TLS and HTTPS, and by gRPC, `identity-key`, `identity-jwt` and `identity-certificate` for who is asking, `log` for access and decision logs, `metrics` for what Prometheus reads, `otel` for traces and metrics by OpenTelemetry, `tls` for TLS on both sides and HTTP/2 towards endpoints.

#![forbid(unsafe_code)]

#[cfg(feature = "admin")]
pub mod admin;
pub mod affinity;
#[cfg(feature = "admin")]
pub mod alert;
pub mod balance;
pub mod discovery;
pub mod fault;
mod field;
pub mod grpc;
pub mod guard;
pub mod health;
pub mod hedge;
mod host;
pub mod identity;
mod inner_call;
pub mod ledger;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod mirror;
#[cfg(feature = "otel")]
pub mod otel;
pub mod probe;
pub mod proxy;
pub mod rate_limit;
pub mod rejection;
pub mod replay;
pub mod retry;
pub mod route;
pub mod share;
pub mod tenant;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(any(feature = "log", feature = "metrics"))]
mod told;
pub mod upstream;

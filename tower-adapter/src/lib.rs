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
//! Each part works alone. A whole reverse proxy is all four:
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

#![forbid(unsafe_code)]

pub mod balance;
pub mod ledger;
pub mod proxy;
pub mod rate_limit;
pub mod rejection;
pub mod tenant;

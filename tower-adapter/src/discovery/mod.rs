//! Endpoints that come and go by themselves: from DNS, from a file, from any tower [`Discover`](tower::discover::Discover), or from a [`Source`] of one's own.
//!
//! ```
//! use tenantry::{Balancer, Config, PoolSpec};
//! use tenantry_tower::discovery::{Discoverer, FromDiscover};
//! use tower::discover::ServiceList;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::default()))?;
//! # struct Addressed(&'static str);
//! # impl From<Addressed> for tenantry::EndpointSpec { fn from(from: Addressed) -> Self { Self::new(from.0) } }
//! # impl tower::Service<()> for Addressed {
//! #     type Response = (); type Error = std::convert::Infallible; type Future = std::future::Ready<Result<(), Self::Error>>;
//! #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> { std::task::Poll::Ready(Ok(())) }
//! #     fn call(&mut self, (): ()) -> Self::Future { std::future::ready(Ok(())) }
//! # }
//! # let discover = ServiceList::new::<()>([Addressed("http://10.0.0.1:8080")]);
//! let discovering = Discoverer::new(&balancer, "api", FromDiscover::new(discover)).start()?;
//!
//! // It runs until `discovering` is dropped. Where a start should wait for endpoints:
//! discovering.watch().wait_for(|status| status.last_success().is_some()).await?;
//! assert_eq!(balancer.pool_stats("api").map(|pool| pool.endpoints().len()), Some(1));
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `discovery-dns` the source may be `Dns::new("http://api.internal:8080")?` or `Dns::srv("http://_api._tcp.internal")?`, with `discovery-file` it may be
//! `WatchedFile::new("/etc/gateway/endpoints.toml")?`.
//!
//! What holds for every source, because the core decides it ([`tenantry::Discovery`]):
//!
//! | what happens | what follows |
//! |---|---|
//! | an endpoint stays in the answer | it keeps load, health and requests in flight |
//! | one has gone | it gets nothing new; what is in flight there ends in peace |
//! | an answer is empty, also a name that does not exist | it counts as a failure, and nothing changes, unless [`DiscoverySpec::may_empty`](tenantry::DiscoverySpec::may_empty) |
//! | no answer, or one that cannot be used | nothing changes; the source is asked again with back-off |
//! | another configuration comes into force | what was found stays beside what it names |
//!
//! How it goes can be read ([`Discovering::status`], or [`tenantry::Balancer::discoveries`] for all of them), waited for ([`Discovering::watch`]), and is told in events
//! ([`tenantry::Balancer::take_events`]).

mod changes;
mod discoverer;
mod discovering;
#[cfg(feature = "discovery-dns")]
mod dns;
mod error;
#[cfg(feature = "discovery-file")]
mod file;
#[cfg(feature = "discovery-dns")]
mod lookup;
mod source;
#[cfg(feature = "discovery-dns")]
mod srv;

pub use changes::FromDiscover;
pub use discoverer::Discoverer;
pub use discovering::Discovering;
#[cfg(feature = "discovery-dns")]
pub use dns::Dns;
pub use error::DiscoveryError;
#[cfg(feature = "discovery-file")]
pub use file::WatchedFile;
pub use source::{Found, Source};

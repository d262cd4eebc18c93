//! Probes for pools with the strategy `prequal`: asking endpoints for their load, and answering for one's own.
//!
//! A [`Prober`] runs beside the balancer and carries its probes over HTTP. An upstream answers them: in Rust with a
//! [`ReportLayer`] around its service, elsewhere with a few lines. The question is `GET` of the pool's `probe` path (default
//! `/prequal`); the answer is 200 with
//!
//! ```json
//! { "rif": 3, "latency_us": 80500 }
//! ```
//!
//! - `rif`: the requests in flight at this server, whoever sent them, this probe not counted;
//! - `latency_us`: how many microseconds a request takes that comes now: the median of recent ones that came when about as many
//!   were in flight. It may be left out or null as long as there were none.
//!
//! Other keys are ignored. Anything else, or nothing within the pool's `timeout` (default 3 ms), counts as no answer: the pool goes
//! by those that it has, and with fewer than two by power of two choices.
//!
//! ```no_run
//! # use tenantry::{Balancer, Config};
//! use tenantry_tower::probe::Prober;
//!
//! # async fn start(config: Config) -> Result<(), tenantry::ConfigError> {
//! let balancer = Balancer::new(config)?;
//! tokio::spawn(Prober::new(&balancer).run()); // ends with the balancer
//! # Ok(())
//! # }
//! ```

mod answer;
mod body;
mod future;
mod layer;
mod meter;
mod prober;
mod service;

pub use body::ReportBody;
pub use future::ResponseFuture;
pub use layer::ReportLayer;
pub use prober::Prober;
pub use service::Report;

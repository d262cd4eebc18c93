//! A balancer's own pages over HTTP (feature `admin`): for load balancers in front, for scrapers, for people.
//!
//! | path | what it is |
//! |---|---|
//! | `GET /` | the dashboard: one page without outside assets, live by `/status` |
//! | `GET /healthz` | 200 while it serves, 503 once it [drains](Admin::drain); names pools in a panic and pools without an endpoint |
//! | `GET /metrics` | [`Metrics`](crate::metrics::Metrics) in OpenMetrics text |
//! | `GET /status` | everything as JSON: pools, endpoints, tenants, fairness, who waits and why, what [fires](crate::alert), who is banned, events |
//! | `GET /alerts/rules.yml` | the [alerts' rules](Admin::with_alerts) for Prometheus |
//! | `POST /actions/…` | `drain`, `resume`, `reweigh`, `disable`, `eject`, `force_healthy`, `clear`, with a [guard](Admin::with_guard) `ban` and `unban`, and [your own](Admin::with_action) |
//!
//! [`Admin`] is a tower service: mount it in a router, or serve it on a port of its own.
//!
//! ```
//! use http_body_util::Empty;
//! use tenantry::{Balancer, Config, PoolSpec};
//! use tenantry_tower::admin::{Admin, Token};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"])))?;
//! let admin = Admin::new(&balancer).with_token(Token::new("ZmFpciBzaGFyZXMgZm9yIGFsbA")?);
//! tokio::spawn(admin.clone().run()); // events and rates also while nobody looks
//!
//! let question = http::Request::get("/healthz").header("host", "localhost").body(Empty::<bytes::Bytes>::new())?;
//! assert_eq!(admin.oneshot(question).await?.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! **Who may.** Reading is open to whoever reaches the port: let it listen on the loopback address, or behind something that authenticates. Actions need `Authorization: Bearer` with the
//! [`Token`]; where none is set they do not exist (404). Every request must name a host that is known ([`Hosts`]), so that a page of somebody else's whose name was pointed here (DNS rebinding)
//! reads nothing; actions take `application/json` only and no cookie counts, so that such a page cannot make a browser send one (CSRF).

mod action;
mod action_error;
mod actions;
mod alarms;
mod answer;
mod bans;
mod events;
mod fairness;
mod fields;
mod figures;
mod hosts;
mod observer;
mod page;
mod sample;
mod service;
mod settings;
mod status;
mod token;
mod verdicts;

pub use action_error::ActionError;
pub use hosts::Hosts;
pub use service::AnswerFuture;
pub use settings::Admin;
pub use token::{Token, TokenError};

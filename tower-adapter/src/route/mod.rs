//! Which route a request takes, and whether its tenant may take it: [`RouteLayer`] asks [`Routes`], and leaves a [`MatchedRoute`] in the request's
//! extensions, by which [`BalanceLayer`](crate::balance::BalanceLayer) finds pool, cost, priority and timeout.
//!
//! # Which route
//!
//! The longest path that the request's path starts with, whole segments only; of several hosts on one path, the request's own, then `*.` ones, then none. Only
//! then the method is looked at: where the path's routes do not have it, the answer is 405, never a shorter path's route. So a rule cannot be gone around
//! by another method.
//!
//! # Which path
//!
//! Rules hold for what a path means, however it is written. Before anything is compared (RFC 3986 §6.2.2):
//!
//! - `%61` is `a`: letters, digits and `-._~` that are percent-encoded are decoded, other escapes stay, in upper case;
//! - `/public/../admin` and `/public/%2e%2e/admin` are `/admin`; what leads above the root is refused;
//! - the request goes on with this normal form, so that nobody behind can read it otherwise.
//!
//! What servers read differently is refused ([`PathFault`]): encoded slashes and backslashes, backslashes, control characters, broken escapes, escapes of escapes
//! (`%252e`), bytes that are not UTF-8, and `..;`. Doubled slashes and parameters (`/a;x=1`) are let through where they make no difference: the path
//! with them and without them must lead to the same route. Upper and lower case differ, as in RFC 3986: in front of servers that ignore case, write rules for whole
//! trees, not exceptions.
//!
//! # What a refusal says
//!
//! | [`Refusal`] | status | code |
//! |---|---|---|
//! | [`Path`](Refusal::Path): can be read in several ways | 400 | `AMBIGUOUS_PATH` |
//! | [`Host`](Refusal::Host): names several hosts, or what cannot be one, where a route asks for a host | 400 | `BAD_HOST` |
//! | [`NotFound`](Refusal::NotFound): no route leads there | 404 | `NO_ROUTE` |
//! | [`Method`](Refusal::Method): not with this method | 405, with `Allow` | `METHOD_NOT_ALLOWED` |
//! | [`Tenant`](Refusal::Tenant): not this tenant | 403 | `ROUTE_FORBIDDEN` |
//! | [`Scope`](Refusal::Scope): not with these credentials | 403 | `SCOPE_MISSING` |
//!
//! What a tenant may use of the pools themselves ([`TenantSpec::with_pools`](tenantry::TenantSpec::with_pools)) is the balancer's to say.

mod error;
mod future;
mod host;
mod layer;
mod limits;
mod matched;
mod methods;
mod path;
mod refusal;
#[expect(clippy::module_inception, reason = "the type that the folder is named for")]
mod route;
mod routes;
mod service;

pub use error::Error;
pub use future::ResponseFuture;
pub use layer::RouteLayer;
pub use matched::MatchedRoute;
pub use methods::{Methods, MethodsError};
pub use path::{EncodedSlashes, PathFault};
pub use refusal::Refusal;
pub use route::Route;
pub use routes::{Routes, RoutesError};
pub use service::Routed;

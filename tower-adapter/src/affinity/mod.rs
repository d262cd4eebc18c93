//! Session affinity over HTTP: a tenant's client returns to the endpoint that served it.
//!
//! | [`Affinity`] | what the client carries | what it says |
//! |---|---|---|
//! | [`cookie`](Affinity::cookie) | a cookie of ours | a signed token, bound to tenant and pool |
//! | [`header`](Affinity::header) | a header, back and forth | the same |
//! | [`learned`](Affinity::learned) | the application's own session cookie | nothing: we remember where its session is |
//!
//! Addresses are never shown. An endpoint that is gone, draining, ejected or at its bound does not get its sessions; the strategy then sends
//! the request elsewhere, and the client is told anew.

mod learned;
mod session;

pub use session::Affinity;
pub(crate) use session::Session;

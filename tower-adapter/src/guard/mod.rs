//! Who is up to no good? [`GuardLayer`] counts what clients are refused for, and bans those who do it too often, for a while; [`ByTenantLayer`] does so for tenants.
//!
//! ```text
//! GuardLayer ──► RejectionLayer ──► IdentityLayer ──► ByTenantLayer ──► RouteLayer ──► …
//! is the client   refusals become    who is it?        is the tenant     where to?
//! banned?         answers that tell                    banned?
//! ◄── learns from the answer ───────────────────────────────────────────
//! ```
//!
//! | [`Rule`] | what counts | default |
//! |---|---|---|
//! | [`Authentication`](Rule::Authentication) | credentials that prove nothing; missing ones a fifth, expired ones a tenth | 10 in 1 min |
//! | [`Enumeration`](Rule::Enumeration) | different credentials, or tenants, that nobody has | about 30 in 1 h |
//! | [`Probing`](Rule::Probing) | routes, scopes, pools that are not theirs, paths written to be misread; a wrong method half | 20 in 1 min |
//! | [`Scanning`](Rule::Scanning) | places where no route leads; five times where scanners look; an upstream's own 404 a tenth | 30 in 1 min |
//! | [`Rate`](Rule::Rate) | a tenant's requests of 10 s, against its own last hour | 5 times, shadow |
//!
//! - **Whose address**: the connection's peer, or what [trusted hops](GuardPolicy::with_trusted_hops) say. Nobody is banned by what a stranger writes in a header, and no hop is ever banned.
//!   IPv6 clients are their /64.
//! - **A ban** is answered with `429 CLIENT_BANNED` and `Retry-After`, before credentials are looked at: a guess that is right is not even seen. Each is twice as long as the one before, from a minute
//!   to a day; an hour of peace halves the next. A server that accepts connections itself can refuse them by [`Guard::refuses`].
//! - **Neighbours** behind a banned address are served where their credentials have authenticated from there before (OWASP calls it a device cookie), and wait with it where they have not; see [`Neighbours`].
//!   Credentials that have been used for probing or scanning are no longer among these.
//! - **Tenants** are watched in [shadow](Mode::Shadow) by default: a ban of one hits all its clients. An attacker from outside cannot bring it about at all, since only authenticated requests count.
//! - **Evidence**: [`Guard::take_events`], and events of [`tracing`]: what, how many, over which time, the last three. No header, query or body is kept; credentials are told apart by a keyed hash.
//! - **Memory** is bounded: a table of a fixed size, in which newcomers never displace a ban, nor those near to one before those who are not.
//!
//! [`Guard`] is also how an operator bans and pardons.

mod ban;
mod bucket;
mod by_tenant;
mod credential;
mod current;
mod distinct;
mod error;
mod event;
mod future;
#[expect(clippy::module_inception, reason = "the type that the folder is named for")]
mod guard;
mod known;
mod layer;
mod log;
mod network;
mod offence;
mod origin;
mod pace;
mod policy;
mod probe_path;
mod record;
mod rule;
mod service;
mod snapshot;
mod subject;
mod table;
mod witness;

pub use ban::Ban;
pub use by_tenant::{ByTenant, ByTenantLayer, ResponseFuture as ByTenantFuture};
pub use current::CurrentGuard;
pub use error::Error;
pub use event::{Example, GuardEvent};
pub use future::ResponseFuture;
pub use guard::Guard;
pub use layer::GuardLayer;
pub use network::ClientNetwork;
pub use pace::SurgeSpec;
pub use policy::{GuardPolicy, Neighbours};
pub use rule::{Mode, Rule, RuleSpec};
pub use service::Guarded;
pub use snapshot::{GuardSnapshot, RuleCounts};
pub use subject::{Subject, SubjectError};

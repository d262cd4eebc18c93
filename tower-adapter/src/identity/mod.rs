//! Who is it, and can they prove it? [`IdentityLayer`] checks a request's credentials, and puts its [`Identity`] and
//! [`TenantId`](crate::tenant::TenantId) into the request's extensions, or refuses it.
//!
//! | credentials | with | feature |
//! |---|---|---|
//! | a header that a trusted hop sets | [`TrustedHeader`] | |
//! | an API key, stored as a hash | `key::ApiKeys` | `identity-key` |
//! | a JSON Web Token | `jwt::Jwt` | `identity-jwt` |
//! | the certificate of the TLS connection | `certificate::ClientCertificate` | `identity-certificate` |
//! | what a function of your own says, async | [`FromFn`] | |
//! | the first of two that are there | [`AnyOf`] | |
//!
//! # What a refusal says
//!
//! | [`Refusal`] | status | code | `WWW-Authenticate` |
//! |---|---|---|---|
//! | [`Missing`](Refusal::Missing): no credentials | 401 | `MISSING_CREDENTIALS` | the scheme |
//! | [`Invalid`](Refusal::Invalid): they prove nothing | 401 | `INVALID_CREDENTIALS`, `EXPIRED_CREDENTIALS` | the scheme, with `error` |
//! | [`Unknown`](Refusal::Unknown): they hold, and name no tenant | 403 | `NO_TENANT` | |
//! | [`Untrusted`](Refusal::Untrusted): a header from a peer that may not set it | 403 | `UNTRUSTED_PEER` | |
//! | [`Unavailable`](Refusal::Unavailable): there is nothing to check them with | 503 | `IDENTITY_UNAVAILABLE` | |
//!
//! A trusted hop that sends no header is answered with `400 MISSING_TENANT`, as [`TenantLayer`](crate::tenant::TenantLayer) does: there is
//! nothing that a client could prove. A tenant that the balancer does not know is the [balancer's](crate::balance) to refuse.
//!
//! [`Refusal`] is among the extensions of the answer that [`RejectionLayer`](crate::rejection::RejectionLayer) makes, for layers around it
//! to count. Each refusal is a [`tracing`] event of level INFO, target `tenantry::identity`, that holds code, scheme, fault and the peer's
//! address. Neither holds what the client sent.
//!
//! The header that held a credential is taken off before the request goes on, unless told otherwise: no service behind needs the secret.

mod any_of;
mod authenticate;
#[cfg(feature = "identity-certificate")]
pub mod certificate;
mod claim;
#[cfg(any(feature = "identity-key", feature = "identity-jwt"))]
mod credential;
mod error;
mod event;
mod from_fn;
mod future;
#[expect(clippy::module_inception, reason = "the type that the folder is named for")]
mod identity;
#[cfg(feature = "identity-jwt")]
pub mod jwt;
#[cfg(feature = "identity-key")]
pub mod key;
mod layer;
mod networks;
mod refusal;
mod service;
mod trusted_header;

pub use any_of::AnyOf;
pub use authenticate::{Authenticate, Decision};
pub use claim::ClaimPath;
#[cfg(any(feature = "identity-key", feature = "identity-jwt"))]
pub use credential::Credential;
pub use error::Error;
pub use from_fn::FromFn;
pub use future::ResponseFuture;
pub use identity::Identity;
pub use layer::IdentityLayer;
pub use networks::{Networks, NetworksError};
pub use refusal::{Fault, Refusal, Scheme};
pub use service::Identified;
pub use trusted_header::TrustedHeader;

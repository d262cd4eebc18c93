//! JSON Web Tokens (RFC 7519), checked as RFC 8725 asks.
//!
//! - **The algorithm is pinned** by [`Jwt::new`]: a token's `alg` must be one of the list *and* belong to the key. `none` is no algorithm here. A list holds either
//!   secrets' algorithms (HS…) or public keys' ones, so that a public key is never taken for a secret.
//! - **Keys come from [`Jwks`]** alone. What a token says of keys (`jku`, `jwk`, `x5u`, `x5c`) is not looked at; `kid` is compared, nothing else. A token with `crit` is
//!   refused, as no extension is understood.
//! - **Times**: `exp` must be there, `nbf` is heeded; 60 s of clock skew are forgiven ([`Jwt::with_leeway`]).
//! - **Issuer and audience**: say both. Without [`Jwt::with_audience`] a token that names an audience is refused.
//! - **The tenant** is a claim: [`Jwt::with_tenant_claim`]. A good token without it is [`Unknown`](super::Refusal::Unknown).
//!
//! Signatures are checked by `jsonwebtoken` on aws-lc.

mod algorithm;
mod error;
mod fetch;
mod header;
mod http;
#[cfg(feature = "tls")]
mod https;
mod jwks;
#[expect(clippy::module_inception, reason = "the type that the folder is named for")]
mod jwt;
mod set;

pub use algorithm::Algorithm;
pub use error::JwtError;
pub use jwks::Jwks;
pub use jwt::Jwt;

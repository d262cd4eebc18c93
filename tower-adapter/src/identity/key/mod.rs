//! API keys: hashed at rest, found without telling by timing, several per tenant, each with its own time.
//!
//! A key must be random, with 128 bits of entropy or more (`openssl rand -hex 32`): then its plain SHA-256 cannot be turned back, and a slow
//! password hash, which would cost each request milliseconds, adds nothing. [`KeyHash::peppered`] hashes with a secret besides (HMAC-SHA-256), so that a
//! stolen list alone does not even tell whether a guess is right.
//!
//! **Rotation**: give the tenant a second key, move its clients, let the first one expire ([`KeySpec::with_expiry`]).
//! **Revocation** and reload: [`ApiKeys::replace`] swaps the whole list at once; requests that are in flight keep what they were told.
//!
//! **Timing**: the first half of a key's hash finds the entry, the second half is compared in constant time ([`subtle`]), with a decoy's where there is no
//! such entry. Finding by half a hash tells nothing that could be used: who wants to come nearer to a hash would have to invert it.

mod api_keys;
mod hash;
mod key_set;
mod key_spec;

pub use api_keys::ApiKeys;
pub use hash::{HashError, KeyHash, Pepper};
pub use key_set::{KeySet, KeySetError};
pub use key_spec::KeySpec;

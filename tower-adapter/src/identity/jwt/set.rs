use jsonwebtoken::{
    DecodingKey,
    jwk::{Jwk, PublicKeyUse},
};
use serde_json::Value;
use tokio::time::Instant;

use super::{Algorithm, JwtError, header::Header};
use crate::identity::Fault;

/// A key set (RFC 7517) as it was at one time.
pub(super) struct Set {
    keys: Vec<Key>,
    pub(super) fetched: Instant,
}

struct Key {
    kid: Option<String>,
    /// The only algorithm that it may be used with, where it says so.
    algorithm: Option<jsonwebtoken::Algorithm>,
    key: DecodingKey,
}

impl Set {
    /// Reads it. Keys that are of no use here are left out.
    pub(super) fn parse(json: &[u8]) -> Result<Self, JwtError> {
        let tree: Value = serde_json::from_slice(json).map_err(|_| JwtError::Malformed)?;
        let keys = tree.get("keys").and_then(Value::as_array).ok_or(JwtError::Malformed)?;
        let keys: Vec<Key> = keys.iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err(JwtError::NoKey) } else { Ok(Self { keys, fetched: Instant::now() }) }
    }

    pub(super) fn secret(secret: &[u8]) -> Self {
        let key = Key { kid: None, algorithm: None, key: DecodingKey::from_secret(secret) };
        Self { keys: vec![key], fetched: Instant::now() }
    }

    /// Whether a token of this header could be checked.
    pub(super) fn knows(&self, kid: Option<&str>) -> bool {
        kid.is_none() || self.keys.iter().any(|key| key.is_named(kid))
    }

    /// The key that a token of this header must be signed with.
    pub(super) fn find(&self, header: &Header) -> Result<&DecodingKey, Fault> {
        let kid = header.kid.as_deref();
        if !self.knows(kid) {
            return Err(Fault::NoSuchKey);
        }
        let mut fitting = self.keys.iter().filter(|key| key.is_named(kid) && key.fits(header.algorithm));
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(Fault::Algorithm),
            // A token that does not say by which of several keys: nobody guesses.
            (Some(_), Some(_)) if kid.is_none() => Err(Fault::NoSuchKey),
            (Some(key), _) => Ok(&key.key),
        }
    }
}

impl Key {
    fn read(tree: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(tree.clone()).ok()?;
        let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| is_for_signatures)?;
        let algorithm = match jwk.common.key_algorithm {
            None => None,
            // A key for something that is not known here is no key here.
            Some(algorithm) => Some(jsonwebtoken::Algorithm::try_from(algorithm).ok()?),
        };
        Some(Self { kid: jwk.common.key_id, algorithm, key })
    }

    /// A shared secret has no name, and fits every token; a token without a name fits every key.
    fn is_named(&self, kid: Option<&str>) -> bool {
        kid.is_none() || self.kid.as_deref() == kid || self.is_only_secret()
    }

    fn is_only_secret(&self) -> bool {
        self.kid.is_none() && self.key.family() == jsonwebtoken::AlgorithmFamily::Hmac
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let algorithm = algorithm.within();
        self.key.family() == algorithm.family() && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

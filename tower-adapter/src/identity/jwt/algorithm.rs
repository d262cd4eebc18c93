use std::{fmt, str::FromStr};

use super::JwtError;

/// How a token is signed (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256, by a shared secret.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PSS with SHA-384.
    Ps384,
    /// RSA PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Its registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }

    /// Whether who can check can also sign.
    pub(super) const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    pub(super) fn within(self) -> jsonwebtoken::Algorithm {
        let row = TABLE.iter().find(|row| row.1 == self);
        row.expect("the table has every algorithm").2
    }
}

impl FromStr for Algorithm {
    type Err = JwtError;

    fn from_str(name: &str) -> Result<Self, JwtError> {
        let row = TABLE.iter().find(|row| row.0 == name);
        row.map(|row| row.1).ok_or_else(|| JwtError::Algorithm { name: name.into() })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const TABLE: [(&str, Algorithm, jsonwebtoken::Algorithm); 12] = [
    ("HS256", Algorithm::Hs256, jsonwebtoken::Algorithm::HS256),
    ("HS384", Algorithm::Hs384, jsonwebtoken::Algorithm::HS384),
    ("HS512", Algorithm::Hs512, jsonwebtoken::Algorithm::HS512),
    ("RS256", Algorithm::Rs256, jsonwebtoken::Algorithm::RS256),
    ("RS384", Algorithm::Rs384, jsonwebtoken::Algorithm::RS384),
    ("RS512", Algorithm::Rs512, jsonwebtoken::Algorithm::RS512),
    ("PS256", Algorithm::Ps256, jsonwebtoken::Algorithm::PS256),
    ("PS384", Algorithm::Ps384, jsonwebtoken::Algorithm::PS384),
    ("PS512", Algorithm::Ps512, jsonwebtoken::Algorithm::PS512),
    ("ES256", Algorithm::Es256, jsonwebtoken::Algorithm::ES256),
    ("ES384", Algorithm::Es384, jsonwebtoken::Algorithm::ES384),
    ("EdDSA", Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA),
];

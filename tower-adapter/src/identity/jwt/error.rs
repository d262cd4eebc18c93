use std::{error, fmt};

/// Why tokens cannot be checked as one wants, or keys not be had. It never holds a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwtError {
    /// No algorithm of this name is accepted.
    Algorithm {
        /// The name.
        name: Box<str>,
    },
    /// The list of algorithms is empty.
    NoAlgorithm,
    /// The list has algorithms of shared secrets and of public keys.
    Mixed,
    /// A key set is not written as one (RFC 7517).
    Malformed,
    /// A key set has no key that could sign a token.
    NoKey,
    /// Where keys shall be fetched from is neither an address of this machine nor, where it may be, one over TLS.
    Url {
        /// What was given.
        url: Box<str>,
    },
    /// TLS cannot be spoken to where keys are.
    Tls {
        /// Why not.
        problem: Box<str>,
    },
    /// Keys could not be fetched.
    Fetch {
        /// What went wrong.
        problem: Box<str>,
    },
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm { name } => write!(
                f,
                "{name:?} is no algorithm: write RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384 or HS512"
            ),
            Self::NoAlgorithm => f.write_str("name the algorithms that the issuer signs with, as [\"RS256\"]"),
            Self::Mixed => f.write_str(
                "name either algorithms of public keys or of shared secrets (HS…): with both, a public key could be taken for a secret",
            ),
            Self::Malformed => f.write_str("a key set is a JSON object with a list of keys (RFC 7517)"),
            Self::NoKey => f.write_str("the key set has no key that could sign a token"),
            Self::Url { url } => write!(
                f,
                "{url:?} cannot be fetched: write \"https://HOST/PATH\", or \"http://127.0.0.1:PORT/PATH\"; keys that come in the clear from elsewhere could be anybody's"
            ),
            Self::Tls { problem } | Self::Fetch { problem } => f.write_str(problem),
        }
    }
}

impl error::Error for JwtError {}

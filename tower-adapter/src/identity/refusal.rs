use std::{error, fmt};

use http::StatusCode;

/// Why nobody was identified. It holds nothing that the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The request carries no credentials.
    Missing(Scheme),
    /// It carries some that prove nothing.
    Invalid(Scheme, Fault),
    /// They hold, and name no tenant.
    Unknown(Scheme),
    /// It carries a header that only a trusted hop may set, and comes from elsewhere.
    Untrusted,
    /// There is nothing to check credentials with: no signing keys were ever fetched, or a service that would know did not answer. Not the client's doing.
    Unavailable,
}

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// A header that a trusted hop sets.
    TrustedHeader,
    /// `Authorization: Bearer` (RFC 6750).
    Bearer,
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// A key in a header of its own.
    ApiKey,
    /// The client's certificate on the TLS connection.
    Certificate,
    /// One of your own.
    Custom,
}

/// What is wrong with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// They are not written as they should be.
    Malformed,
    /// They are there more than once.
    Repeated,
    /// They are longer than any good ones.
    TooLong,
    /// Nobody has this key; of a token: no key that is known may have signed it.
    NoSuchKey,
    /// The token is signed by an algorithm that is not accepted, `none` for one.
    Algorithm,
    /// The signature is not the key's.
    Signature,
    /// They were good once.
    Expired,
    /// They will be good later.
    NotYetValid,
    /// Somebody else has issued the token.
    Issuer,
    /// The token is for somebody else.
    Audience,
}

impl Refusal {
    /// The code for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing(Scheme::TrustedHeader) => "MISSING_TENANT",
            Self::Missing(_) => "MISSING_CREDENTIALS",
            Self::Invalid(_, Fault::Expired) => "EXPIRED_CREDENTIALS",
            Self::Invalid(..) => "INVALID_CREDENTIALS",
            Self::Unknown(_) => "NO_TENANT",
            Self::Untrusted => "UNTRUSTED_PEER",
            Self::Unavailable => "IDENTITY_UNAVAILABLE",
        }
    }

    /// The status of its answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Missing(Scheme::TrustedHeader) | Self::Invalid(Scheme::TrustedHeader, _) => {
                StatusCode::BAD_REQUEST
            }
            Self::Missing(_) | Self::Invalid(..) => StatusCode::UNAUTHORIZED,
            Self::Unknown(_) | Self::Untrusted => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// How the client shows who it is, where that matters.
    #[must_use]
    pub const fn scheme(self) -> Option<Scheme> {
        match self {
            Self::Missing(scheme) | Self::Invalid(scheme, _) | Self::Unknown(scheme) => Some(scheme),
            Self::Untrusted => Some(Scheme::TrustedHeader),
            Self::Unavailable => None,
        }
    }

    /// What is wrong with the credentials, where they are [`Invalid`](Self::Invalid).
    #[must_use]
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::Invalid(_, fault) => Some(fault),
            _ => None,
        }
    }

    /// The value of `WWW-Authenticate`, which a 401 must have (RFC 9110 §11.6.1). `ApiKey` and `ClientCertificate` are not registered; no
    /// registered scheme says the same.
    pub(crate) const fn challenge(self) -> Option<&'static str> {
        let (scheme, is_missing) = match self {
            Self::Missing(scheme) => (scheme, true),
            Self::Invalid(scheme, _) => (scheme, false),
            _ => return None,
        };
        Some(match (scheme, is_missing) {
            (Scheme::TrustedHeader, _) => return None,
            (Scheme::Bearer, true) => r#"Bearer realm="api""#,
            (Scheme::Bearer, false) => r#"Bearer realm="api", error="invalid_token""#,
            (Scheme::Basic, _) => r#"Basic realm="api", charset="UTF-8""#,
            (Scheme::ApiKey | Scheme::Custom, _) => r#"ApiKey realm="api""#,
            (Scheme::Certificate, _) => r#"ClientCertificate realm="api""#,
        })
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Missing(Scheme::TrustedHeader) => "The request names no tenant",
            Self::Missing(_) => "The request carries no credentials",
            Self::Invalid(_, Fault::Expired) => "The credentials have expired",
            Self::Invalid(..) => "The credentials are not valid",
            Self::Unknown(_) => "The credentials name no tenant",
            Self::Untrusted => "The request's sender may not say whose it is",
            Self::Unavailable => "Credentials cannot be checked now",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

impl error::Error for Refusal {}

use std::{error, fmt};

use http::StatusCode;

use super::{Methods, PathFault};

/// Why a request may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Its path can be read in several ways.
    Path(PathFault),
    /// It names several hosts, or what cannot be one, and some route is for one host only.
    Host,
    /// No route leads there.
    NotFound,
    /// The route does not have this method, but these.
    Method(Methods),
    /// The route is for other tenants.
    Tenant,
    /// The route asks for more than the credentials allow: a scope, or a claim.
    Scope,
}

impl Refusal {
    /// The code for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Path(_) => "AMBIGUOUS_PATH",
            Self::Host => "BAD_HOST",
            Self::NotFound => "NO_ROUTE",
            Self::Method(_) => "METHOD_NOT_ALLOWED",
            Self::Tenant => "ROUTE_FORBIDDEN",
            Self::Scope => "SCOPE_MISSING",
        }
    }

    /// The status of its answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Path(_) | Self::Host => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Tenant | Self::Scope => StatusCode::FORBIDDEN,
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Path(_) => "The path can be read in several ways",
            Self::Host => "The request must name exactly one host",
            Self::NotFound => "No route leads there",
            Self::Method(_) => "The route does not take this method",
            Self::Tenant => "The tenant may not use this route",
            Self::Scope => "The credentials do not allow this route",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

impl error::Error for Refusal {}

use http::{
    HeaderValue, Response,
    header::{ALLOW, WWW_AUTHENTICATE},
};

use crate::{identity, route};

/// What a layer in front of the balancer refused, kept so that layers further out can count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Identity(identity::Refusal),
    Route(route::Refusal),
}

impl Refused {
    /// What its status demands (RFC 9110 §11.6.1, §15.5.6).
    pub(super) fn head<B>(self, response: &mut Response<B>) {
        match self {
            Self::Identity(refusal) => {
                if let Some(challenge) = refusal.challenge() {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
            }
            Self::Route(route::Refusal::Method(methods)) => {
                let methods = HeaderValue::try_from(methods.to_string());
                response.headers_mut().insert(ALLOW, methods.expect("methods are letters and commas"));
            }
            Self::Route(_) => {}
        }
    }

    /// Leaves itself in the extensions.
    pub(super) fn mark<B>(self, response: &mut Response<B>) {
        match self {
            Self::Identity(refusal) => drop(response.extensions_mut().insert(refusal)),
            Self::Route(refusal) => drop(response.extensions_mut().insert(refusal)),
        }
    }
}

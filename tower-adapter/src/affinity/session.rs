//! What a request brings of its session, and what its answer tells.

use std::{fmt, sync::Arc, time::Duration};

use cookie::{Cookie, SameSite};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{COOKIE, SET_COOKIE},
    request::Parts,
};
use tenantry::{Lease, Request};

use super::learned::Learned;

/// How clients are bound to endpoints: for [`BalanceLayer::affinity`](crate::balance::BalanceLayer::affinity).
#[derive(Clone)]
pub struct Affinity {
    carrier: Carrier,
}

#[derive(Clone)]
enum Carrier {
    Cookie { name: Arc<str>, max_age: Option<Duration>, secure: bool },
    Header(HeaderName),
    Learned { name: Arc<str>, sessions: Arc<Learned> },
}

/// What one request has brought.
pub(crate) struct Session {
    affinity: Affinity,
    tenant: Box<str>,
    brought: Brought,
}

enum Brought {
    Nothing,
    Token(String),
    Address(Arc<str>),
}

impl Affinity {
    /// By a cookie of this name with a signed token: for the browser's session, to be sent over TLS only, out of reach of scripts, not sent along by
    /// other sites (`Path=/; Secure; HttpOnly; SameSite=Lax`).
    #[must_use]
    pub fn cookie(name: impl Into<Arc<str>>) -> Self {
        Self { carrier: Carrier::Cookie { name: name.into(), max_age: None, secure: true } }
    }

    /// By a header of this name with a signed token: it stands in answers, and clients send it with their next request.
    #[must_use]
    pub const fn header(name: HeaderName) -> Self {
        Self { carrier: Carrier::Header(name) }
    }

    /// By the application's own session cookie of this name: where an endpoint sets it, its sessions are remembered, at most `most` of them, in
    /// memory that this process keeps to itself.
    #[must_use]
    pub fn learned(name: impl Into<Arc<str>>, most: usize) -> Self {
        Self { carrier: Carrier::Learned { name: name.into(), sessions: Arc::new(Learned::new(most)) } }
    }

    /// How long a cookie of ours lasts. Default: as long as the browser's session. Says nothing to the other kinds.
    #[must_use]
    pub fn with_max_age(mut self, age: Duration) -> Self {
        if let Carrier::Cookie { max_age, .. } = &mut self.carrier {
            *max_age = Some(age);
        }
        self
    }

    /// Lets a cookie of ours go over plain HTTP, too. Says nothing to the other kinds.
    #[must_use]
    pub fn over_plain_http(mut self) -> Self {
        if let Carrier::Cookie { secure, .. } = &mut self.carrier {
            *secure = false;
        }
        self
    }

    /// What a request brings.
    pub(crate) fn session(&self, tenant: &str, parts: &Parts) -> Session {
        let brought = match &self.carrier {
            Carrier::Cookie { name, .. } => {
                find_cookie(&parts.headers, name).map_or(Brought::Nothing, Brought::Token)
            }
            Carrier::Header(name) => {
                let token = parts.headers.get(name).and_then(|value| value.to_str().ok());
                token.map_or(Brought::Nothing, |token| Brought::Token(token.to_owned()))
            }
            Carrier::Learned { name, sessions } => {
                let known =
                    find_cookie(&parts.headers, name).and_then(|session| sessions.find(tenant, &session));
                known.map_or(Brought::Nothing, Brought::Address)
            }
        };
        Session { affinity: self.clone(), tenant: tenant.into(), brought }
    }
}

impl Session {
    /// Sends a request where its session is.
    pub(crate) fn bind<'a>(&'a self, request: Request<'a>) -> Request<'a> {
        match &self.brought {
            Brought::Nothing => request,
            Brought::Token(token) => request.affinity(token.as_str()),
            Brought::Address(address) => request.prefer(address),
        }
    }

    /// Tells the client where its session is, unless it has just said so itself.
    pub(crate) fn tell(&self, lease: &Lease, headers: &mut HeaderMap) {
        match &self.affinity.carrier {
            Carrier::Cookie { name, max_age, secure } => {
                let Some(token) = self.new_token(lease) else { return };
                let mut cookie =
                    Cookie::build((&**name, token)).path("/").http_only(true).same_site(SameSite::Lax);
                cookie = cookie.secure(*secure);
                if let Some(age) = max_age {
                    let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
                    cookie = cookie.max_age(cookie::time::Duration::seconds(seconds));
                }
                if let Ok(value) = HeaderValue::try_from(cookie.build().to_string()) {
                    headers.append(SET_COOKIE, value);
                }
            }
            Carrier::Header(name) => {
                let token = self.new_token(lease).and_then(|token| HeaderValue::try_from(token).ok());
                if let Some(value) = token {
                    headers.insert(name, value);
                }
            }
            Carrier::Learned { name, sessions } => {
                let set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
                let mut cookies = set.filter_map(|text| Cookie::parse(text).ok());
                if let Some(cookie) = cookies.find(|cookie| cookie.name() == &**name) {
                    sessions.learn(&self.tenant, cookie.value(), lease.endpoint().address());
                }
            }
        }
    }

    fn new_token(&self, lease: &Lease) -> Option<String> {
        let known = |token: &String| matches!(&self.brought, Brought::Token(brought) if brought == token);
        lease.affinity_token().filter(|token| !known(token))
    }
}

/// The value of a cookie in a request.
fn find_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let sent = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = sent.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

impl fmt::Debug for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.carrier {
            Carrier::Cookie { name, .. } => f.debug_tuple("Affinity::cookie").field(name).finish(),
            Carrier::Header(name) => f.debug_tuple("Affinity::header").field(name).finish(),
            Carrier::Learned { name, .. } => f.debug_tuple("Affinity::learned").field(name).finish(),
        }
    }
}

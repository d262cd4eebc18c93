//! Health checks that the application does.

use std::rc::Rc;

use napi_derive::napi;
use tenantry::{CheckFailure, CheckKind, HealthCheck, HealthCheckSpec, HealthChecks, HttpCheck};

use crate::native::NativeBalancer;

/// One endpoint to ask. Collected by Node, it teaches nothing.
#[napi]
#[derive(Debug)]
pub struct NativeHealthCheck {
    check: Option<HealthCheck>,
    checks: Rc<HealthChecks>,
    /// Also once it is over: which answers are good may be asked still.
    http: Option<HttpCheck>,
}

/// What a check says of itself.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct HealthCheckFacts {
    /// The pool.
    pub pool: String,
    /// The endpoint's address.
    pub address: String,
    /// What is asked.
    pub kind: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Milliseconds.
    pub timeout: f64,
    /// What to ask by HTTP.
    pub http: Option<HttpFacts>,
    /// Another port than the address's.
    pub port: Option<u16>,
    /// Whether it goes over TLS.
    pub scheme: String,
    /// The name for TLS.
    pub server_name: Option<String>,
}

/// What a check by HTTP asks.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct HttpFacts {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// What the `host` header says.
    pub host: Option<String>,
    /// Further headers, by name: an object made here would not hold `__proto__`.
    pub headers: Vec<(String, String)>,
    /// Text that must stand in the body.
    pub body: Option<String>,
}

#[napi]
impl NativeBalancer {
    /// The next health check that is due.
    #[napi(catch_unwind)]
    pub fn next_check(&self) -> Option<NativeHealthCheck> {
        let checks = &self.state.checks;
        checks.next_check().map(|check| NativeHealthCheck {
            http: http(check.spec()).cloned(),
            check: Some(check),
            checks: Rc::clone(checks),
        })
    }

    /// The milliseconds until one is due.
    #[napi(catch_unwind)]
    pub fn check_due_in(&self) -> Option<f64> {
        self.state.checks.due_in().map(|wait| wait.as_secs_f64() * 1e3)
    }
}

#[napi]
impl NativeHealthCheck {
    /// Whom to ask, and what; none once it is over.
    #[napi(catch_unwind)]
    pub fn facts(&self) -> Option<HealthCheckFacts> {
        self.check.as_ref().map(HealthCheckFacts::from)
    }

    /// Whether an answer to HTTP with this status is good.
    #[napi(catch_unwind)]
    pub fn accepts(&self, status: u16) -> bool {
        self.http.as_ref().is_some_and(|http| http.accepts(status))
    }

    /// The endpoint serves.
    #[napi(catch_unwind)]
    pub fn passed(&mut self) {
        if let Some(check) = self.check.take() {
            self.checks.handle_passed(check);
        }
    }

    /// It does not. Says whether there is such a reason.
    #[napi(catch_unwind)]
    pub fn failed(&mut self, evidence: String, reason: String) -> bool {
        let Some(known) = CheckFailure::from_name(&reason) else { return false };
        if let Some(check) = self.check.take() {
            self.checks.handle_failed(check, known, &evidence);
        }
        true
    }
}

impl From<&HealthCheck> for HealthCheckFacts {
    fn from(check: &HealthCheck) -> Self {
        let (spec, kind) = (check.spec(), check.spec().kind());
        Self {
            pool: check.pool().to_owned(),
            address: check.address().to_owned(),
            kind: kind.name().to_owned(),
            subject: kind.subject().map(str::to_owned),
            timeout: spec.timeout().as_secs_f64() * 1e3,
            http: http(spec).map(HttpFacts::from),
            port: spec.port().map(u16::from),
            scheme: spec.scheme().name().to_owned(),
            server_name: spec.server_name().map(str::to_owned),
        }
    }
}

impl From<&HttpCheck> for HttpFacts {
    fn from(check: &HttpCheck) -> Self {
        let mut headers: Vec<(String, String)> =
            check.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers.sort();
        Self {
            method: check.method().to_owned(),
            path: check.path().to_owned(),
            host: check.host().map(str::to_owned),
            headers,
            body: check.body().map(str::to_owned),
        }
    }
}

fn http(spec: &HealthCheckSpec) -> Option<&HttpCheck> {
    match spec.kind() {
        CheckKind::Http(http) => Some(http),
        _ => None,
    }
}

/// The names of reasons for a failure.
#[napi(catch_unwind)]
pub fn check_failures() -> Vec<String> {
    CheckFailure::names().into_iter().map(str::to_owned).collect()
}

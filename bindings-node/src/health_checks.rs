//! Health checks that the application does.

use std::rc::Rc;

use napi_derive::napi;
use tenantry::{CheckFailure, HealthCheck, HealthChecks};

use crate::native::NativeBalancer;

/// One endpoint to ask. Collected by Node, it teaches nothing.
#[napi]
#[derive(Debug)]
pub struct NativeHealthCheck {
    check: Option<HealthCheck>,
    checks: Rc<HealthChecks>,
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
}

#[napi]
impl NativeBalancer {
    /// The next health check that is due.
    #[napi(catch_unwind)]
    pub fn next_check(&self) -> Option<NativeHealthCheck> {
        let checks = &self.state.checks;
        checks.next_check().map(|check| NativeHealthCheck { check: Some(check), checks: Rc::clone(checks) })
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
        self.check.as_ref().map(|check| {
            let kind = check.spec().kind();
            HealthCheckFacts {
                pool: check.pool().to_owned(),
                address: check.address().to_owned(),
                kind: kind.name().to_owned(),
                subject: kind.subject().map(str::to_owned),
                timeout: check.spec().timeout().as_secs_f64() * 1e3,
            }
        })
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

/// The names of reasons for a failure.
#[napi(catch_unwind)]
pub fn check_failures() -> Vec<String> {
    CheckFailure::names().into_iter().map(str::to_owned).collect()
}

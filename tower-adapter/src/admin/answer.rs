//! Answers, and what every one of them says to browsers.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, WWW_AUTHENTICATE,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use http_body_util::Full;
use serde_json::{Value, json};

use super::ActionError;

pub(super) type Answer = Response<Full<Bytes>>;

/// Text of some type.
pub(super) fn text(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

pub(super) fn json_of(status: StatusCode, value: &Value) -> Answer {
    text(status, "application/json", value.to_string())
}

/// The dashboard.
pub(super) fn page(html: &'static str, policy: HeaderValue) -> Answer {
    let mut answer = text(StatusCode::OK, "text/html; charset=utf-8", html);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    answer
}

/// Why not, as a problem document (RFC 9457).
pub(super) fn problem(status: StatusCode, code: &str, detail: &str) -> Answer {
    refusal(status, json!({ "title": code, "status": status.as_u16(), "code": code, "detail": detail }))
}

/// The same, by field, value and fix.
pub(super) fn unfit(error: &ActionError) -> Answer {
    let status = StatusCode::BAD_REQUEST;
    let mut told = json!({
        "title": "BAD_ACTION", "status": status.as_u16(), "code": "BAD_ACTION", "detail": error.to_string(),
        "field": error.field(), "fix": error.fix(),
    });
    if let Some(value) = error.value() {
        told["value"] = value.clone();
    }
    refusal(status, told)
}

pub(super) fn method_not_allowed(allowed: &'static str) -> Answer {
    let mut answer =
        problem(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", &format!("ask by {allowed}"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

pub(super) fn unauthorized() -> Answer {
    let detail = "send `Authorization: Bearer` with the admin token";
    let mut answer = problem(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", detail);
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

#[expect(clippy::needless_pass_by_value, reason = "it is made for this")]
fn refusal(status: StatusCode, told: Value) -> Answer {
    text(status, "application/problem+json", told.to_string())
}

/// Nothing is kept, guessed at, framed or told to others.
const ALWAYS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

use http::{HeaderMap, Method, Response, StatusCode, request::Parts};
use tracing::{info, warn};

use super::{
    record::{Record, Summary},
    sampling::Sampling,
    short::{short_path, short_tenant},
};
use crate::{
    grpc,
    proxy::{Peer, without_credential},
    rejection::ProblemCode,
    told::{Told, is_failure},
};

/// What will be told of one request, once: when it is over, or dropped.
#[derive(Debug)]
pub(super) struct Line {
    record: Record,
    sampling: Sampling,
    method: Method,
    path: String,
    client: Option<String>,
    trace_id: Option<String>,
    status: Option<StatusCode>,
    reason: Option<&'static str>,
    told: Option<Told>,
    is_grpc: bool,
    grpc_status: Option<u32>,
    pub(super) bytes_out: u64,
    is_told: bool,
}

impl Line {
    pub(super) fn new(record: Record, sampling: Sampling, head: &Parts) -> Self {
        let client = head.extensions.get::<Peer>();
        Self {
            record,
            sampling,
            method: head.method.clone(),
            path: short_path(&head.uri),
            client: client.map(|peer| peer.address().ip().to_canonical().to_string()),
            trace_id: trace_id(&head.headers),
            status: None,
            reason: None,
            told: None,
            is_grpc: false,
            grpc_status: None,
            bytes_out: 0,
            is_told: false,
        }
    }

    /// The answer's head has come.
    pub(super) fn answered<B>(&mut self, answer: &Response<B>) {
        self.status = Some(answer.status());
        self.reason = answer.extensions().get::<ProblemCode>().map(|code| code.as_str());
        self.told = Some(Told::by(answer));
        self.is_grpc = answer.status() == StatusCode::OK && grpc::is_grpc(answer.headers());
        self.note_grpc(answer.headers());
    }

    /// What comes behind the body.
    pub(super) fn trailed(&mut self, trailers: &HeaderMap) {
        self.note_grpc(trailers);
    }

    /// The status stands in one of the two.
    fn note_grpc(&mut self, headers: &HeaderMap) {
        if self.is_grpc && self.grpc_status.is_none() {
            self.grpc_status = grpc::status(headers);
        }
    }

    /// There will be no answer: the service within has failed.
    pub(super) fn failed(&mut self) {
        self.tell("failed");
    }

    /// The last byte is gone.
    pub(super) fn ended(&mut self) {
        let is_error = match &self.told {
            Some(Told::ServerError) => true,
            Some(Told::Later(late)) => late.outcome().is_some_and(is_failure),
            Some(Told::Good) | None => false,
        };
        let outcome = match self.reason {
            _ if is_error => "failed",
            Some(_) => "rejected",
            None => "served",
        };
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: &str) {
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        let summary = Summary {
            facts: self.record.facts(),
            outcome,
            status: self.status,
            grpc_status: self.grpc_status,
            reason: self.reason,
            duration: self.record.age(),
            bytes_in: self.record.bytes_in(),
            bytes_out: self.bytes_out,
        };
        self.record.end(&summary);
        let Summary { facts, outcome, status, grpc_status, reason, duration, bytes_in, bytes_out } = summary;
        let is_plain = outcome == "served" && status.is_none_or(|status| status.as_u16() < 400);
        if !self.sampling.keeps(facts.tenant.as_ref(), is_plain, duration) {
            return;
        }
        // The levels are different places in the code for `tracing`.
        macro_rules! tell {
            ($level:ident) => {
                $level!(
                    target: "tenantry::access",
                    tenant = facts.tenant.as_ref().map(|tenant| short_tenant(tenant.as_str())),
                    route = facts.route.as_ref().map(|route| route.path()),
                    pool = facts.picked.as_ref().map(|picked| picked.pool()),
                    endpoint = facts.picked.as_ref().map(|picked| without_credential(picked.address())),
                    method = self.method.as_str(),
                    path = self.path.as_str(),
                    status = status.map(|status| status.as_u16()),
                    grpc_status,
                    outcome,
                    reason,
                    wait_ms = facts.wait.map(|wait| wait.as_secs_f64() * 1e3),
                    duration_ms = duration.as_secs_f64() * 1e3,
                    attempts = facts.attempts,
                    bytes_in,
                    bytes_out,
                    client = self.client.as_deref(),
                    trace_id = facts.trace_id.as_deref().or(self.trace_id.as_deref()),
                )
            };
        }
        if matches!(outcome, "failed" | "aborted") {
            tell!(warn);
        } else {
            tell!(info);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.tell("aborted");
    }
}

/// By W3C Trace Context: `00-` and 32 hexadecimal digits that are not all 0.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = parent.split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_valid = version.len() == 2 && is_hex(version) && version != "ff" && id.len() == 32 && is_hex(id);
    (is_valid && id.bytes().any(|byte| byte != b'0')).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_trace_id_is_told() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", http::HeaderValue::from_static(value));
            trace_id(&headers)
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").as_deref(), Some(id));
        for wrong in [
            "",
            "00",
            "00-secret-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_is_told_without_its_credential() {
        assert_eq!(without_credential("http://user:secret@a:1"), "a:1");
        assert_eq!(without_credential("http://a:1"), "http://a:1");
    }
}

//! Whether an answer is a server's error, as metrics and logs have it: HTTP says so in the head, gRPC there or behind the body.

use http::{Response, StatusCode};
use tenantry::{Outcome, OutcomeKind};

use crate::{
    balance::{LateVerdict, by_grpc},
    grpc,
    rejection::ProblemCode,
};

/// What the head of an answer tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// No server has failed; the client may have.
    Good,
    ServerError,
    /// Nothing yet.
    Later(LateVerdict),
}

impl Told {
    pub(crate) fn by<B>(answer: &Response<B>) -> Self {
        let (status, headers, extensions) = (answer.status(), answer.headers(), answer.extensions());
        if let Some(problem) = extensions.get::<ProblemCode>() {
            return problem.status().is_server_error().into();
        }
        if let Some(late) = extensions.get::<LateVerdict>() {
            return Self::Later(late.clone());
        }
        let of_grpc = || grpc::is_grpc(headers).then(|| grpc::status(headers)).flatten();
        match Some(status).filter(|status| *status == StatusCode::OK).and_then(|_| of_grpc()) {
            Some(number) => is_failure(by_grpc(number, headers)).into(),
            None => status.is_server_error().into(),
        }
    }
}

impl From<bool> for Told {
    fn from(is_server_error: bool) -> Self {
        if is_server_error { Self::ServerError } else { Self::Good }
    }
}

/// Overload is none, as a 429 is none.
pub(crate) fn is_failure(outcome: Outcome) -> bool {
    outcome.kind() == OutcomeKind::Failure
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::rejection::Problem;

    #[test]
    fn what_grpc_does_not_show_by_its_http_status_is_told_all_the_same() {
        let is_error = |answer: &Response<Bytes>| matches!(Told::by(answer), Told::ServerError);
        let answer = |status: u16, kind: &str, number: &str| {
            let answer = Response::builder().status(status).header("content-type", kind);
            answer.header("grpc-status", number).body(Bytes::new()).unwrap()
        };
        for (status, kind, number, expected) in [
            (200, "application/grpc", "14", true),
            (200, "application/grpc", "0", false),
            (200, "application/grpc", "5", false),
            (200, "application/grpc", "8", false),
            (200, "application/json", "14", false),
            (503, "application/grpc", "0", true),
        ] {
            assert_eq!(is_error(&answer(status, kind, number)), expected, "{status} {kind} {number}");
        }
        for (status, expected) in [(502, true), (504, true), (408, false), (413, false)] {
            let problem = Problem::new(StatusCode::from_u16(status).unwrap(), "CODE", "a title");
            assert_eq!(is_error(&problem.into_grpc_response()), expected, "{status}");
            assert_eq!(is_error(&problem.into_response()), expected, "{status}");
        }
    }
}

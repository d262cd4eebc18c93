use std::time::SystemTime;

use http::{StatusCode, response::Parts};
use tenantry::Rejection;

use super::{RetryableError, Verdict, grpc, marks};
use crate::{grpc::is_grpc, upstream::retry_after};

/// Says of an answer's head, or of an error, what it means for another attempt. Functions do: `|ended: Result<&Parts, &E>| …`.
pub trait Classify<E> {
    /// What this end of an attempt means.
    fn classify(&self, ended: Result<&Parts, &E>) -> Verdict;
}

/// The default: 502, 503 and 504 have failed, as has a gRPC answer that consists of `grpc-status: 14` (`UNAVAILABLE`); errors say it themselves
/// ([`RetryableError`]).
///
/// `Retry-After` and `grpc-retry-pushback-ms` say how long to wait. An answer that says `x-should-retry: false`, a negative pushback, or by
/// `x-attempt-count` that it has been tried several times already is final.
///
/// ```
/// use http::{Response, StatusCode};
/// use std::{convert::Infallible, time::Duration};
/// use tenantry_tower::retry::{Classify, HttpClassifier, Verdict};
///
/// let answer = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).header("retry-after", "2");
/// let (head, ()) = answer.body(())?.into_parts();
/// let verdict = HttpClassifier::default().classify(Ok::<_, &Infallible>(&head));
/// assert_eq!(verdict, Verdict::Failed { retry_after: Some(Duration::from_secs(2)) });
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpClassifier {
    internal_errors: bool,
}

impl HttpClassifier {
    /// 500 has failed as well. Default: no, because it often says more of the request than of the endpoint, and whoever answers it may have done half of what was asked.
    #[must_use]
    pub const fn with_internal_errors(mut self) -> Self {
        self.internal_errors = true;
        self
    }

    fn head_says(self, head: &Parts) -> Verdict {
        let headers = &head.headers;
        // Our own, made an answer by a `RejectionLayer` within.
        if let Some(rejection) = head.extensions.get::<Rejection>() {
            return rejection.verdict();
        }
        if headers.get("x-should-retry").is_some_and(|value| value == "false")
            || marks::says_repeated(headers)
        {
            return Verdict::Final;
        }
        if is_grpc(headers) && head.status == StatusCode::OK {
            return grpc::verdict(headers);
        }
        match head.status {
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                Verdict::Failed { retry_after: retry_after(headers, SystemTime::now) }
            }
            StatusCode::INTERNAL_SERVER_ERROR if self.internal_errors => Verdict::FAILED,
            _ => Verdict::Final,
        }
    }
}

impl<E: RetryableError> Classify<E> for HttpClassifier {
    fn classify(&self, ended: Result<&Parts, &E>) -> Verdict {
        match ended {
            Ok(head) => self.head_says(head),
            Err(error) => error.verdict(),
        }
    }
}

impl<E, F: Fn(Result<&Parts, &E>) -> Verdict> Classify<E> for F {
    fn classify(&self, ended: Result<&Parts, &E>) -> Verdict {
        self(ended)
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use http::Response;

    use super::*;

    fn verdict(status: u16, headers: &[(&str, &str)]) -> Verdict {
        let answer = Response::builder().status(status);
        let answer = headers.iter().fold(answer, |answer, (name, value)| answer.header(*name, *value));
        let (head, ()) = answer.body(()).unwrap().into_parts();
        HttpClassifier::default().classify(Ok::<_, &Infallible>(&head))
    }

    #[test]
    fn answers_that_another_endpoint_may_better_have_failed() {
        for status in [502, 503, 504] {
            assert_eq!(verdict(status, &[]), Verdict::FAILED, "{status}");
        }
        for status in [200, 204, 304, 400, 404, 408, 409, 425, 429, 500, 501, 505] {
            assert_eq!(verdict(status, &[]), Verdict::Final, "{status}");
        }
    }

    #[test]
    fn internal_errors_count_where_that_is_asked_for() {
        let (head, ()) = Response::builder().status(500).body(()).unwrap().into_parts();
        let verdict = HttpClassifier::default().with_internal_errors().classify(Ok::<_, &Infallible>(&head));
        assert_eq!(verdict, Verdict::FAILED);
    }

    #[test]
    fn what_has_been_tried_or_asks_not_to_be_is_final() {
        assert_eq!(verdict(503, &[("x-should-retry", "false")]), Verdict::Final);
        assert_eq!(verdict(503, &[("x-attempt-count", "3")]), Verdict::Final);
        assert_eq!(verdict(503, &[("x-attempt-count", "1")]), Verdict::FAILED);
        assert_eq!(verdict(503, &[("x-should-retry", "true")]), Verdict::FAILED);
    }

    #[test]
    fn grpc_unavailable_has_failed_with_its_pushback() {
        let grpc = ("content-type", "application/grpc+proto");
        assert_eq!(verdict(200, &[grpc, ("grpc-status", "14")]), Verdict::FAILED);
        assert_eq!(verdict(200, &[grpc]), Verdict::Final);
        for status in ["0", "4", "8", "13", "fourteen"] {
            assert_eq!(verdict(200, &[grpc, ("grpc-status", status)]), Verdict::Final, "{status}");
        }
        let pushback =
            |value| verdict(200, &[grpc, ("grpc-status", "14"), ("grpc-retry-pushback-ms", value)]);
        assert_eq!(pushback("1500"), Verdict::Failed { retry_after: Some(Duration::from_millis(1_500)) });
        for never in ["-1", "soon"] {
            assert_eq!(pushback(never), Verdict::Final, "{never}");
        }
        assert_eq!(verdict(200, &[("grpc-status", "14")]), Verdict::Final, "it is not gRPC");
    }

    #[test]
    fn a_function_classifies_too() {
        let teapots = |ended: Result<&Parts, &Infallible>| match ended {
            Ok(head) if head.status == StatusCode::IM_A_TEAPOT => Verdict::Unsent,
            _ => Verdict::Final,
        };
        let (head, ()) = Response::builder().status(418).body(()).unwrap().into_parts();
        assert_eq!(teapots.classify(Ok(&head)), Verdict::Unsent);
    }
}

//! What an answer says about the endpoint that gave it.

use std::{fmt, sync::Arc, time::SystemTime};

use http::{HeaderMap, Method, StatusCode, request, response::Parts};
use tenantry::{FailureCause, Outcome, OutcomeKind};
use tokio::time::Instant;

use crate::{grpc, upstream::retry_after};

/// Says what an answer teaches about its endpoint: by its head, or where that leaves it open, by its end.
///
/// Functions of the head do, where that tells all: `|head: &Parts| Outcome::success()`. Of a classifier of one's own only answers are asked; errors of the service
/// within, and bodies that break off, are failures of the connection whatever it says.
///
/// ```
/// use http::{StatusCode, response::Parts};
/// use tenantry::Outcome;
/// use tenantry_tower::balance::{BalanceLayer, Classify, HttpClassifier, Verdict};
///
/// // An upstream that says by 404 that it has lost its data; all else as usual.
/// let classify = |head: &Parts| match head.status {
///     StatusCode::NOT_FOUND => Outcome::failure(),
///     status if status.is_server_error() => Outcome::failure(),
///     _ => Outcome::success(),
/// };
/// # let config = tenantry::Config::new().with_pool("api", tenantry::PoolSpec::new(["http://10.0.0.1:8080"]));
/// # let balancer = tenantry::Balancer::new(config)?;
/// let layer = BalanceLayer::new(balancer).classify(classify);
/// # Ok::<(), tenantry::ConfigError>(())
/// ```
pub trait Classify: Send + Sync {
    /// What the head says.
    fn head(&self, head: &Parts) -> Verdict;

    /// What the end of an answer says whose head [left it open](Verdict::AtEnd), by its trailers where it has any.
    fn end(&self, trailers: Option<&HeaderMap>) -> Outcome;
}

/// What the head of an answer says about its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// This; a body that breaks off makes a failure of a success.
    Known(Outcome),
    /// Nothing yet: [`Classify::end`] is asked when the body has ended.
    AtEnd,
}

/// The default, for HTTP and gRPC.
///
/// 429 and 503 are overload, with the answer's own word on when to come back; what else starts with 5 is a failure, 502 and 504 a gateway's; the
/// rest is success, the client's own mistakes (4xx) included.
///
/// A gRPC answer (`application/grpc`, 200) says it by its `grpc-status`, in its head or its trailers: `RESOURCE_EXHAUSTED` is overload, with `grpc-retry-pushback-ms`;
/// `UNKNOWN`, `INTERNAL`, `DATA_LOSS` are failures, `UNAVAILABLE` and `DEADLINE_EXCEEDED` a gateway's; `CANCELLED` teaches nothing, and neither does `DEADLINE_EXCEEDED` where the
/// call's own `grpc-timeout` has run out; all else is the client's own. One without any status is a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpClassifier;

impl Classify for HttpClassifier {
    fn head(&self, head: &Parts) -> Verdict {
        if head.status == StatusCode::OK && grpc::is_grpc(&head.headers) {
            return grpc::status(&head.headers)
                .map_or(Verdict::AtEnd, |status| Verdict::Known(by_grpc(status, &head.headers)));
        }
        Verdict::Known(by_status(head))
    }

    fn end(&self, trailers: Option<&HeaderMap>) -> Outcome {
        let status = trailers.and_then(|trailers| Some((grpc::status(trailers)?, trailers)));
        // gRPC: to the client, too, this is an error.
        status.map_or_else(Outcome::failure, |(status, trailers)| by_grpc(status, trailers))
    }
}

impl<F: Fn(&Parts) -> Outcome + Send + Sync> Classify for F {
    fn head(&self, head: &Parts) -> Verdict {
        Verdict::Known(self(head))
    }

    /// Is not asked.
    fn end(&self, _: Option<&HeaderMap>) -> Outcome {
        Outcome::success()
    }
}

/// One's own, or the default. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Classifier {
    own: Option<Arc<dyn Classify>>,
    /// From when on a call of gRPC is over for its client. One's own knows of none.
    deadline: Option<Instant>,
}

impl Classifier {
    pub(super) fn new(own: impl Classify + 'static) -> Self {
        Self { own: Some(Arc::new(own)), deadline: None }
    }

    /// For the answer to a request that has just come.
    pub(super) fn of_request(&self, head: &request::Parts) -> Self {
        // All calls of gRPC are.
        let may_be_grpc = self.own.is_none() && head.method == Method::POST;
        let timeout = Some(&head.headers).filter(|_| may_be_grpc).and_then(grpc::timeout);
        Self {
            own: self.own.clone(),
            deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
        }
    }

    pub(super) fn head(&self, head: &Parts) -> Verdict {
        let Some(own) = &self.own else {
            return match HttpClassifier.head(head) {
                Verdict::Known(outcome) if head.status == StatusCode::OK => {
                    Verdict::Known(self.excused(outcome, &head.headers))
                }
                verdict => verdict,
            };
        };
        own.head(head)
    }

    pub(super) fn end(&self, trailers: Option<&HeaderMap>) -> Outcome {
        match (&self.own, trailers) {
            (Some(own), _) => own.end(trailers),
            (None, Some(told)) => self.excused(HttpClassifier.end(trailers), told),
            (None, None) => HttpClassifier.end(None),
        }
    }

    /// Who has run out of the time that the client gave it need not be slow.
    fn excused(&self, outcome: Outcome, told: &HeaderMap) -> Outcome {
        let is_over = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        let is_clients = || grpc::status(told) == Some(grpc::DEADLINE_EXCEEDED);
        let is_excused = is_over && outcome.kind() == OutcomeKind::Failure && is_clients();
        if is_excused { Outcome::cancelled() } else { outcome }
    }
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.own.is_some() { "one's own" } else { "HttpClassifier" })
    }
}

fn by_status(head: &Parts) -> Outcome {
    match head.status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            match retry_after(&head.headers, SystemTime::now) {
                Some(wait) => Outcome::overload().with_retry_after(wait),
                None => Outcome::overload(),
            }
        }
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            Outcome::failure().with_cause(FailureCause::Gateway)
        }
        status if status.is_server_error() => Outcome::failure(),
        _ => Outcome::success(),
    }
}

pub(crate) fn by_grpc(status: u32, headers: &HeaderMap) -> Outcome {
    match status {
        grpc::OK => Outcome::success(),
        grpc::CANCELLED => Outcome::cancelled(),
        grpc::RESOURCE_EXHAUSTED => match grpc::pushback(headers).flatten() {
            Some(wait) => Outcome::overload().with_retry_after(wait),
            None => Outcome::overload(),
        },
        grpc::UNAVAILABLE | grpc::DEADLINE_EXCEEDED => Outcome::failure().with_cause(FailureCause::Gateway),
        grpc::UNKNOWN | grpc::INTERNAL | grpc::DATA_LOSS => Outcome::failure(),
        // Whoever does not know a status takes it for UNKNOWN.
        status if status > grpc::LAST => Outcome::failure(),
        _ => Outcome::success(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Request, Response, header::RETRY_AFTER};

    use super::*;

    fn kind(status: u16) -> OutcomeKind {
        outcome(status, &[]).kind()
    }

    fn outcome(status: u16, headers: &[(&str, &str)]) -> Outcome {
        match HttpClassifier.head(&head(status, headers)) {
            Verdict::Known(outcome) => outcome,
            Verdict::AtEnd => panic!("it is left open"),
        }
    }

    fn head(status: u16, headers: &[(&str, &str)]) -> Parts {
        let answer = Response::builder().status(status);
        let answer = headers.iter().fold(answer, |answer, (name, value)| answer.header(*name, *value));
        answer.body(()).unwrap().into_parts().0
    }

    fn wait(value: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        // Sun, 06 Nov 1994 08:49:37 GMT
        retry_after(&headers, || SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn a_status_tells_success_failure_and_overload_apart() {
        for success in [200, 204, 301, 400, 404, 499] {
            assert_eq!(kind(success), OutcomeKind::Success, "{success}");
        }
        for failure in [500, 502, 504, 599] {
            assert_eq!(kind(failure), OutcomeKind::Failure, "{failure}");
            let cause = outcome(failure, &[]).cause();
            assert_eq!(cause.is_gateway(), matches!(failure, 502 | 504), "{failure}");
        }
        for overload in [429, 503] {
            assert_eq!(kind(overload), OutcomeKind::Overload, "{overload}");
        }
    }

    #[test]
    fn retry_after_may_be_seconds_or_a_date() {
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_date_that_has_passed_is_no_wait_and_nonsense_is_ignored() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_grpc_status_tells_as_much_in_the_head_as_in_trailers() {
        let grpc = ("content-type", "application/grpc+proto");
        let failures = ["2", "4", "13", "14", "15", "17", "", "fourteen"];
        let successes = ["0", "3", "5", "6", "7", "9", "10", "11", "12", "16"];
        let all = failures.map(|status| (status, OutcomeKind::Failure)).into_iter();
        let all = all.chain(successes.map(|status| (status, OutcomeKind::Success)));
        for (status, kind) in all.chain([("1", OutcomeKind::Cancelled), ("8", OutcomeKind::Overload)]) {
            let trailers = head(200, &[("grpc-status", status)]).headers;
            let told = outcome(200, &[grpc, ("grpc-status", status)]);
            assert_eq!((told.kind(), told), (kind, HttpClassifier.end(Some(&trailers))), "{status}");
            assert_eq!(told.cause().is_gateway(), matches!(status, "4" | "14"), "{status}");
        }
        let pushed = outcome(200, &[grpc, ("grpc-status", "8"), ("grpc-retry-pushback-ms", "1500")]);
        assert_eq!(pushed.retry_after(), Some(Duration::from_millis(1_500)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_no_time_left_by_the_clients_own_word_has_not_failed() {
        let of = async |timeout: &str, status: &str, after_ms: u64| {
            let call = Request::post("/").header("grpc-timeout", timeout).body(()).unwrap();
            let classifier = Classifier::default().of_request(&call.into_parts().0);
            let trailers = head(200, &[("grpc-status", status)]).headers;
            let head = head(200, &[("content-type", "application/grpc"), ("grpc-status", status)]);
            tokio::time::advance(Duration::from_millis(after_ms)).await;
            let outcome = classifier.end(Some(&trailers));
            assert_eq!(classifier.head(&head), Verdict::Known(outcome));
            outcome.kind()
        };
        assert_eq!(of("20m", "4", 20).await, OutcomeKind::Cancelled);
        assert_eq!(of("20m", "4", 19).await, OutcomeKind::Failure, "its own deadline, or another's");
        assert_eq!(of("soon", "4", 20).await, OutcomeKind::Failure);
        assert_eq!(of("20m", "14", 20).await, OutcomeKind::Failure);
        assert_eq!(of("20m", "0", 20).await, OutcomeKind::Success);
    }

    #[test]
    fn a_grpc_answer_without_a_status_is_open_and_at_its_end_a_failure() {
        let grpc = ("content-type", "application/grpc");
        assert_eq!(HttpClassifier.head(&head(200, &[grpc])), Verdict::AtEnd);
        for trailers in [None, Some(&HeaderMap::new())] {
            assert_eq!(HttpClassifier.end(trailers).kind(), OutcomeKind::Failure);
        }
        assert_eq!(outcome(503, &[grpc]).kind(), OutcomeKind::Overload, "whoever answers so speaks HTTP");
        assert_eq!(outcome(200, &[("grpc-status", "14")]).kind(), OutcomeKind::Success, "it is not gRPC");
        let web = ("content-type", "application/grpc-web+proto");
        assert_eq!(outcome(200, &[web]).kind(), OutcomeKind::Success, "its trailers are in its body");
    }
}

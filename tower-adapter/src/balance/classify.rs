//! What an answer says about the endpoint that gave it.

use std::time::SystemTime;

use http::{Response, StatusCode};
use tenantry::{FailureCause, Outcome};

use crate::upstream::retry_after;

/// 429 and 503 are overload, with the answer's own word on when to come back; what else starts with 5 is a failure, 502 and 504 a gateway's; the
/// rest is success, the client's own mistakes (4xx) included.
pub(super) fn outcome<B>(response: &Response<B>) -> Outcome {
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            match retry_after(response.headers(), SystemTime::now) {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, header::RETRY_AFTER};
    use tenantry::OutcomeKind;

    use super::*;

    fn kind(status: u16) -> OutcomeKind {
        outcome(&Response::builder().status(status).body(()).unwrap()).kind()
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
            let cause = outcome(&Response::builder().status(failure).body(()).unwrap()).cause();
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
}

use std::{convert::Infallible, fmt::Write as _, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use tenantry::Rejection;

use crate::{balance, proxy};

/// A refusal or a failure as an HTTP answer: a status, a stable code, a sentence, and when to come back.
///
/// ```
/// use bytes::Bytes;
/// use std::time::Duration;
/// use tenantry::Rejection;
/// use tenantry_tower::rejection::Problem;
///
/// let rejection = Rejection::RateLimited { retry_after: Duration::from_millis(1_250) };
/// let response: http::Response<Bytes> = Problem::from(rejection).into_response();
/// assert_eq!(response.status(), 429);
/// assert_eq!(response.headers()["retry-after"], "2");
/// assert_eq!(
///     response.body(),
///     r#"{"title":"The tenant's rate is spent","status":429,"code":"RATE_LIMITED","retry_after_s":1.250}"#,
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    retry: Retry,
}

/// What to say about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    /// Nothing.
    Unsaid,
    /// It is useless.
    Never,
    /// Not before this long.
    After(Duration),
}

impl Problem {
    /// An answer of your own. `code` is for programs (`SCREAMING_SNAKE`), `title` for people.
    ///
    /// # Panics
    ///
    /// When `code` or `title` holds a quote, a backslash or a control character: both stand in JSON as they are.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        let plain = |text: &str| !text.contains(|c: char| c == '"' || c == '\\' || c.is_control());
        assert!(plain(code) && plain(title), "a problem's code and title need no escapes");
        Self { status, code, title, retry: Retry::Unsaid }
    }

    /// Says when to come back.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry = Retry::After(wait);
        self
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The answer itself.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::from(self.json())));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Retry::After(wait) = self.retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.is_hopeless() {
            headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }

    fn json(self) -> String {
        let Self { status, code, title, retry } = self;
        let mut json = format!(r#"{{"title":"{title}","status":{},"code":"{code}""#, status.as_u16());
        if let Retry::After(wait) = retry {
            let millis = wait.as_nanos().div_ceil(1_000_000);
            write!(json, r#","retry_after_s":{}.{:03}"#, millis / 1000, millis % 1000)
                .expect("a String takes all text");
        }
        json.push('}');
        json
    }

    /// Whether a client should better not wait for it.
    fn is_hopeless(self) -> bool {
        match self.retry {
            Retry::Unsaid => false,
            Retry::Never => true,
            Retry::After(wait) => wait > LONG_WAIT,
        }
    }

    const fn never(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, retry: Retry::Never }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let (status, title) = describe(rejection);
        let retry = if rejection.is_permanent() {
            Retry::Never
        } else {
            Retry::After(rejection.retry_after().unwrap_or(SOON))
        };
        Self { status, code: rejection.code(), title, retry }
    }
}

impl<E: Into<Self>> From<balance::Error<E>> for Problem {
    fn from(error: balance::Error<E>) -> Self {
        match error {
            balance::Error::MissingTenant => {
                Self::never(StatusCode::BAD_REQUEST, "MISSING_TENANT", "The request names no tenant")
            }
            balance::Error::Rejected(rejection) => rejection.into(),
            balance::Error::Service(error) => error.into(),
        }
    }
}

impl From<proxy::Error> for Problem {
    fn from(error: proxy::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&proxy::Error> for Problem {
    fn from(error: &proxy::Error) -> Self {
        Self { status: error.status(), code: error.code(), title: error.title(), retry: Retry::Unsaid }
    }
}

impl From<Infallible> for Problem {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

fn describe(rejection: Rejection) -> (StatusCode, &'static str) {
    match rejection {
        Rejection::UnknownTenant => (StatusCode::FORBIDDEN, "No such tenant"),
        Rejection::PoolForbidden => (StatusCode::FORBIDDEN, "The tenant may not use this pool"),
        Rejection::UnknownPool => (StatusCode::NOT_FOUND, "No such pool"),
        Rejection::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "The tenant's rate is spent"),
        Rejection::CostTooHigh { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "The request costs more than the tenant may spend")
        }
        Rejection::TooManyInFlight { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "The tenant has too many requests in flight")
        }
        Rejection::QueueFull => (StatusCode::SERVICE_UNAVAILABLE, "The queue is full"),
        Rejection::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, "No capacity came free in time"),
        Rejection::WouldTimeOut { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "No capacity would come free in time")
        }
        Rejection::NoEndpoint => (StatusCode::SERVICE_UNAVAILABLE, "No endpoint can serve this now"),
        // `Saturated`, and whatever a later version adds: not now.
        _ => (StatusCode::SERVICE_UNAVAILABLE, "No capacity is free"),
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// What refusals that know no better say: seats come free all the time.
const SOON: Duration = Duration::from_secs(1);

/// From here on a wait is for a person to plan, not for a client to sleep through.
const LONG_WAIT: Duration = Duration::from_secs(60);

const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rejection: Rejection) -> Response<Bytes> {
        Problem::from(rejection).into_response()
    }

    fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    fn limited(retry_after: Duration) -> Rejection {
        Rejection::RateLimited { retry_after }
    }

    #[test]
    fn every_rejection_has_its_status_and_its_retry_after() {
        let table = [
            (Rejection::UnknownTenant, 403, None),
            (Rejection::PoolForbidden, 403, None),
            (Rejection::UnknownPool, 404, None),
            (Rejection::CostTooHigh { limit: 5 }, 429, None),
            (Rejection::TooManyInFlight { limit: 5 }, 429, Some("1")),
            (limited(Duration::from_secs(7)), 429, Some("7")),
            (Rejection::Saturated, 503, Some("1")),
            (Rejection::QueueFull, 503, Some("1")),
            (Rejection::TimedOut, 503, Some("1")),
            (Rejection::WouldTimeOut { retry_after: Duration::from_millis(2_500) }, 503, Some("3")),
            (Rejection::NoEndpoint, 503, Some("1")),
        ];
        for (rejection, status, retry_after) in table {
            let response = answer(rejection);
            assert_eq!(response.status(), status, "{rejection:?}");
            assert_eq!(header(&response, "retry-after"), retry_after, "{rejection:?}");
            assert_eq!(header(&response, "content-type"), Some("application/problem+json"));
            let useless = rejection.is_permanent().then_some("false");
            assert_eq!(header(&response, "x-should-retry"), useless, "{rejection:?}");
            let body = std::str::from_utf8(response.body()).unwrap().to_owned();
            assert!(body.contains(&format!(r#""status":{status},"code":"{}""#, rejection.code())), "{body}");
        }
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds_and_never_zero() {
        for (wait, seconds) in [(0, "1"), (1, "1"), (1_000_000_000, "1"), (1_000_000_001, "2")] {
            assert_eq!(
                header(&answer(limited(Duration::from_nanos(wait))), "retry-after"),
                Some(seconds),
                "{wait} ns"
            );
        }
    }

    #[test]
    fn the_body_tells_the_wait_to_the_millisecond_and_never_too_early() {
        let response = answer(limited(Duration::from_nanos(5_000_001)));
        assert!(response.body().ends_with(br#""retry_after_s":0.006}"#), "{:?}", response.body());
    }

    #[test]
    fn a_wait_of_more_than_a_minute_asks_clients_not_to_retry() {
        assert_eq!(header(&answer(limited(Duration::from_secs(60))), "x-should-retry"), None);
        assert_eq!(header(&answer(limited(Duration::from_millis(60_001))), "x-should-retry"), Some("false"));
    }

    #[test]
    fn a_missing_tenant_is_a_bad_request() {
        let response: Response<Bytes> =
            Problem::from(balance::Error::<Infallible>::MissingTenant).into_response();
        assert_eq!(response.status(), 400);
        assert_eq!(header(&response, "x-should-retry"), Some("false"));
    }

    #[test]
    #[should_panic(expected = "need no escapes")]
    fn text_that_would_need_escapes_is_refused() {
        let _ = Problem::new(StatusCode::BAD_GATEWAY, "X", "say \"no\"");
    }
}

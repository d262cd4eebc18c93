use std::{convert::Infallible, fmt::Write as _, time::Duration};

use bytes::Bytes;
use http::{
    Extensions, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use tenantry::Rejection;

use super::refused::Refused;
use crate::{balance, identity, proxy, retry, route};

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
///     concat!(
///         r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","#,
///         r#""title":"The tenant's rate is spent","status":429,"#,
///         r#""detail":"the tenant's rate is spent; it returns in 1.25s","#,
///         r#""code":"RATE_LIMITED","retry_after_s":1.250}"#,
///     ),
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    retry: Retry,
    /// From here on a wait is for a person to plan, not for a client to sleep through.
    long_wait: Duration,
    rejection: Option<Rejection>,
    refused: Option<Refused>,
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

/// The code of a problem, among the extensions of its answer: tells an answer of these layers from an endpoint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemCode {
    code: &'static str,
    /// Of the problem, which gRPC's answers do not show.
    status: StatusCode,
}

impl ProblemCode {
    /// The code, as in the answer's body.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.code
    }

    /// The problem's status, also where its answer has gRPC's form, and is a 200.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.status
    }
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
        Self {
            status,
            code,
            title,
            retry: Retry::Unsaid,
            long_wait: LONG_WAIT,
            rejection: None,
            refused: None,
        }
    }

    /// Says when to come back.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry = Retry::After(wait);
        self
    }

    /// The longest wait that a client is asked to sit out; a longer one says `x-should-retry: false`. Default: 60 s.
    #[must_use]
    pub const fn with_long_wait(mut self, wait: Duration) -> Self {
        self.long_wait = wait;
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

    /// The answer itself; a [`Rejection`] is also among its extensions.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::from(self.json())));
        *response.status_mut() = self.status;
        response.extensions_mut().extend(self.extensions());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Retry::After(wait) = self.retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
            if !self.is_hopeless() {
                headers.insert(RETRY_AFTER_MS, HeaderValue::from(whole_millis(wait)));
            }
        }
        if self.is_hopeless() {
            headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if let Some(refused) = self.refused {
            refused.head(&mut response);
            refused.mark(&mut response);
        }
        response
    }

    /// The answer to a gRPC call: its trailers, in the head of an answer without a body (*Trailers-Only*).
    ///
    /// `grpc-status` is 8 `RESOURCE_EXHAUSTED` for 429, and for requests that are too large (413, 431), as gRPC's own servers say it; else what the HTTP status amounts to.
    /// `grpc-retry-pushback-ms` (gRFC A6) says the wait, -1 where trying again is useless or the wait is long.
    pub fn into_grpc_response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::new()));
        response.extensions_mut().extend(self.extensions());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(GRPC_STATUS, HeaderValue::from(self.grpc_status()));
        headers.insert(GRPC_MESSAGE, percent_encoded(self.title));
        match self.retry {
            _ if self.is_hopeless() || self.is_too_large() => {
                headers.insert(PUSHBACK, HeaderValue::from_static("-1"));
            }
            Retry::After(wait) => {
                headers.insert(PUSHBACK, HeaderValue::from(whole_millis(wait)));
            }
            _ => {}
        }
        if let Some(refused) = self.refused {
            refused.mark(&mut response);
        }
        response
    }

    /// The refusal as such, for layers around.
    fn extensions(self) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(ProblemCode { code: self.code, status: self.status });
        if let Some(rejection) = self.rejection {
            extensions.insert(rejection);
        }
        extensions
    }

    /// By the canonical codes; `UNKNOWN` where no status fits.
    fn grpc_status(self) -> u16 {
        match self.status {
            StatusCode::BAD_REQUEST => 3,     // INVALID_ARGUMENT
            StatusCode::GATEWAY_TIMEOUT => 4, // DEADLINE_EXCEEDED
            StatusCode::NOT_FOUND => 5,       // NOT_FOUND
            StatusCode::FORBIDDEN => 7,       // PERMISSION_DENIED
            // RESOURCE_EXHAUSTED
            StatusCode::TOO_MANY_REQUESTS => 8,
            _ if self.is_too_large() => 8,
            // UNIMPLEMENTED
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => 12,
            StatusCode::INTERNAL_SERVER_ERROR => 13, // INTERNAL
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => 14, // UNAVAILABLE
            StatusCode::UNAUTHORIZED => 16,          // UNAUTHENTICATED
            _ => 2,                                  // UNKNOWN
        }
    }

    /// Whether it is the request that is, which it would be again.
    fn is_too_large(self) -> bool {
        matches!(self.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    }

    fn json(self) -> String {
        let Self { status, code, title, retry, rejection, .. } = self;
        let mut json = String::from("{");
        if let Some(kind) = rejection.and_then(registered_type) {
            write!(json, r#""type":"{REGISTRY}{kind}","#).expect("a String takes all text");
        }
        write!(json, r#""title":"{title}","status":{}"#, status.as_u16()).expect("a String takes all text");
        if let Some(rejection) = rejection {
            // The core's sentences are numbers and plain words: nothing in them needs an escape.
            write!(json, r#","detail":"{rejection}""#).expect("a String takes all text");
        }
        write!(json, r#","code":"{code}""#).expect("a String takes all text");
        if let Retry::After(wait) = retry {
            let millis = whole_millis(wait);
            write!(json, r#","retry_after_s":{}.{:03}"#, millis / 1000, millis % 1000)
                .expect("a String takes all text");
        }
        json.push('}');
        json
    }

    /// Whether a client should better not wait for it.
    fn is_hopeless(self) -> bool {
        match self.retry {
            // However short the wait is: official clients would sleep through it, and come back to a budget just as spent.
            _ if matches!(
                self.rejection,
                Some(
                    Rejection::BudgetExhausted { .. }
                        | Rejection::RetryBudgetExhausted { .. }
                        | Rejection::HedgeBudgetExhausted { .. }
                )
            ) =>
            {
                true
            }
            Retry::Unsaid => false,
            Retry::Never => true,
            Retry::After(wait) => wait > self.long_wait,
        }
    }

    const fn never(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            retry: Retry::Never,
            long_wait: LONG_WAIT,
            rejection: None,
            refused: None,
            status,
            code,
            title,
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let (status, title) = describe(rejection);
        let retry = match rejection {
            _ if rejection.is_permanent() => Retry::Never,
            // Time alone makes no room.
            Rejection::RetryBudgetExhausted { retry_after: None }
            | Rejection::HedgeBudgetExhausted { retry_after: None } => Retry::Never,
            _ => Retry::After(rejection.retry_after().unwrap_or(SOON)),
        };
        Self {
            status,
            code: rejection.code(),
            title,
            retry,
            long_wait: LONG_WAIT,
            rejection: Some(rejection),
            refused: None,
        }
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

impl<E: Into<Self>> From<retry::Error<E>> for Problem {
    fn from(error: retry::Error<E>) -> Self {
        let too_slow = |code, title| Self::new(StatusCode::GATEWAY_TIMEOUT, code, title);
        match error {
            retry::Error::Service(error) => error.into(),
            retry::Error::TryTimedOut => too_slow("ENDPOINT_TIMED_OUT", "The endpoint took too long"),
            retry::Error::TimedOut => too_slow("REQUEST_TIMED_OUT", "The request took too long"),
        }
    }
}

impl From<identity::Refusal> for Problem {
    fn from(refusal: identity::Refusal) -> Self {
        let problem = match refusal {
            identity::Refusal::Unavailable => {
                Self::new(refusal.status(), refusal.code(), refusal.title()).with_retry_after(SOON)
            }
            _ => Self::never(refusal.status(), refusal.code(), refusal.title()),
        };
        Self { refused: Some(Refused::Identity(refusal)), ..problem }
    }
}

impl<E: Into<Self>> From<identity::Error<E>> for Problem {
    fn from(error: identity::Error<E>) -> Self {
        match error {
            identity::Error::Refused(refusal) => refusal.into(),
            identity::Error::Service(error) => error.into(),
        }
    }
}

impl From<route::Refusal> for Problem {
    fn from(refusal: route::Refusal) -> Self {
        let problem = Self::never(refusal.status(), refusal.code(), refusal.title());
        Self { refused: Some(Refused::Route(refusal)), ..problem }
    }
}

impl<E: Into<Self>> From<route::Error<E>> for Problem {
    fn from(error: route::Error<E>) -> Self {
        match error {
            route::Error::Refused(refusal) => refusal.into(),
            route::Error::Limited(rejection) => rejection.into(),
            route::Error::Service(error) => error.into(),
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
        Self {
            status: error.status(),
            code: error.code(),
            title: error.title(),
            retry: Retry::Unsaid,
            long_wait: LONG_WAIT,
            rejection: None,
            refused: None,
        }
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
        Rejection::BudgetExhausted { .. } => (StatusCode::TOO_MANY_REQUESTS, "The tenant's budget is spent"),
        Rejection::RetryBudgetExhausted { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "The tenant has made too many retries")
        }
        Rejection::HedgeBudgetExhausted { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "The tenant has made too many hedges")
        }
        Rejection::UnknownDimension => (StatusCode::BAD_REQUEST, "The request counts something unknown"),
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
        Rejection::UpstreamLimited { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "The limits of all endpoints are spent for now")
        }
        Rejection::NoEndpoint => (StatusCode::SERVICE_UNAVAILABLE, "No endpoint can serve this now"),
        // `Saturated`, and whatever a later version adds: not now.
        _ => (StatusCode::SERVICE_UNAVAILABLE, "No capacity is free"),
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// At least 1: official clients take 0 for no wait at all.
fn whole_millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1)
}

/// The types that draft-ietf-httpapi-ratelimit-headers registers.
const fn registered_type(rejection: Rejection) -> Option<&'static str> {
    match rejection {
        Rejection::RateLimited { .. } | Rejection::BudgetExhausted { .. } => Some("quota-exceeded"),
        Rejection::Saturated
        | Rejection::QueueFull
        | Rejection::TimedOut
        | Rejection::UpstreamLimited { .. }
        | Rejection::WouldTimeOut { .. } => Some("temporary-reduced-capacity"),
        _ => None,
    }
}

/// As `grpc-message` is written: visible ASCII but for the percent sign stands as it is.
fn percent_encoded(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a String takes all text"),
        }
    }
    HeaderValue::try_from(encoded).expect("what is left is visible ASCII")
}

/// What refusals that know no better say: seats come free all the time.
const SOON: Duration = Duration::from_secs(1);

const LONG_WAIT: Duration = Duration::from_secs(60);

const REGISTRY: &str = "https://iana.org/assignments/http-problem-types#";
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
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
    fn a_retry_beyond_its_budget_asks_for_no_other() {
        for retry_after in [None, Some(Duration::from_millis(30))] {
            for rejection in [
                Rejection::RetryBudgetExhausted { retry_after },
                Rejection::HedgeBudgetExhausted { retry_after },
            ] {
                let response = answer(rejection);
                assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
                assert_eq!(header(&response, "x-should-retry"), Some("false"));
                assert_eq!(header(&response, "retry-after"), retry_after.map(|_| "1"));
            }
        }
    }

    #[test]
    fn a_spent_budget_asks_for_no_retry_however_soon_it_returns() {
        let response = answer(Rejection::BudgetExhausted { retry_after: Duration::from_millis(30) });
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&response, "x-should-retry"), Some("false"));
        assert_eq!(
            (header(&response, "retry-after"), header(&response, "retry-after-ms")),
            (Some("1"), None)
        );
    }

    #[test]
    fn every_rejection_has_its_status_and_its_retry_after() {
        let table = [
            (Rejection::UnknownTenant, 403, None),
            (Rejection::PoolForbidden, 403, None),
            (Rejection::UnknownPool, 404, None),
            (Rejection::CostTooHigh { limit: 5 }, 429, None),
            (Rejection::TooManyInFlight { limit: 5 }, 429, Some("1")),
            (Rejection::UnknownDimension, 400, None),
            (limited(Duration::from_secs(7)), 429, Some("7")),
            (Rejection::Saturated, 503, Some("1")),
            (Rejection::QueueFull, 503, Some("1")),
            (Rejection::TimedOut, 503, Some("1")),
            (Rejection::WouldTimeOut { retry_after: Duration::from_millis(2_500) }, 503, Some("3")),
            (Rejection::UpstreamLimited { retry_after: Duration::from_millis(1_500) }, 503, Some("2")),
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
            assert!(
                body.contains(&format!(
                    r#""status":{status},"detail":"{rejection}","code":"{}""#,
                    rejection.code()
                )),
                "{body}"
            );
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
    fn waits_worth_sitting_out_are_told_in_milliseconds_too_and_long_ones_are_not() {
        let short = answer(limited(Duration::from_micros(1_500)));
        assert_eq!(header(&short, "retry-after-ms"), Some("2"));
        for days in [1, 30, 365] {
            let long = answer(limited(Duration::from_secs(days * 86_400)));
            assert_eq!(header(&long, "retry-after-ms"), None);
            assert_eq!(header(&long, "retry-after"), Some((days * 86_400).to_string().as_str()));
            assert_eq!(header(&long, "x-should-retry"), Some("false"));
        }
        let patient =
            Problem::from(limited(Duration::from_secs(90))).with_long_wait(Duration::from_secs(120));
        assert_eq!(header(&patient.into_response(), "x-should-retry"), None);
    }

    #[test]
    fn a_grpc_call_gets_its_status_and_pushback_without_a_body() {
        let table = [
            (limited(Duration::from_micros(1_500)), "8", Some("2")),
            (limited(Duration::from_secs(86_400)), "8", Some("-1")),
            (Rejection::CostTooHigh { limit: 1 }, "8", Some("-1")),
            (Rejection::TooManyInFlight { limit: 1 }, "8", Some("1000")),
            (Rejection::UnknownTenant, "7", Some("-1")),
            (Rejection::UnknownPool, "5", Some("-1")),
            (Rejection::QueueFull, "14", Some("1000")),
            (Rejection::NoEndpoint, "14", Some("1000")),
        ];
        for (rejection, status, pushback) in table {
            let response: Response<Bytes> = Problem::from(rejection).into_grpc_response();
            assert_eq!(response.status(), 200, "{rejection:?}");
            assert_eq!(header(&response, "grpc-status"), Some(status), "{rejection:?}");
            assert_eq!(header(&response, "grpc-retry-pushback-ms"), pushback, "{rejection:?}");
            assert!(response.body().is_empty());
        }
        for (status, number, pushback) in
            [(413, "8", Some("-1")), (431, "8", Some("-1")), (501, "12", None), (418, "2", None)]
        {
            let problem = Problem::new(StatusCode::from_u16(status).unwrap(), "CODE", "a title");
            let response: Response<Bytes> = problem.into_grpc_response();
            assert_eq!(header(&response, "grpc-status"), Some(number), "{status}");
            assert_eq!(header(&response, "grpc-retry-pushback-ms"), pushback, "{status}");
        }
        assert_eq!(percent_encoded("50 % für alle\n"), "50 %25 f%C3%BCr alle%0A");
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

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN},
};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use serde_json::{Map, Value, json};
use tower::Service;

use super::{
    ActionError, Admin,
    answer::{self, Answer},
    bans, page,
    status::Reading,
    verdicts::is_without_endpoint,
};
use crate::metrics::Metrics;

impl<B> Service<Request<B>> for Admin
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> AnswerFuture {
        let admin = self.clone();
        AnswerFuture(Box::pin(async move { admin.answer(request).await }))
    }
}

/// The future of [`Admin`].
#[must_use = "futures do nothing unless polled"]
pub struct AnswerFuture(Pin<Box<dyn Future<Output = Answer> + Send>>);

impl Future for AnswerFuture {
    type Output = Result<Answer, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for AnswerFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerFuture")
    }
}

impl Admin {
    async fn answer<B>(self, request: Request<B>) -> Answer
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send,
    {
        if !self.hosts.load().allow(&request) {
            let detail = "this name is not known here: ask by the address that is listened on, or add the name to the admin's hosts";
            return answer::problem(StatusCode::MISDIRECTED_REQUEST, "UNKNOWN_HOST", detail);
        }
        let path = request.uri().path();
        if let Some(action) = path.strip_prefix("/actions/").map(ToOwned::to_owned) {
            return self.act(&action, request).await.unwrap_or_else(|refusal| refusal);
        }
        let page: fn(&Self) -> Answer = match path {
            "/" => |_| answer::page(page::HTML, page::policy()),
            "/healthz" => Self::health,
            "/metrics" => |admin| answer::text(StatusCode::OK, Metrics::CONTENT_TYPE, admin.metrics.encode()),
            "/status" => Self::status,
            "/alerts/rules.yml" => Self::rules,
            _ => {
                let detail = "here are /, /healthz, /metrics, /status, /alerts/rules.yml and /actions/…";
                return answer::problem(StatusCode::NOT_FOUND, "NOT_FOUND", detail);
            }
        };
        match *request.method() {
            Method::GET | Method::HEAD => page(&self),
            _ => answer::method_not_allowed("GET, HEAD"),
        }
    }

    fn health(&self) -> Answer {
        let stats = self.balancer.stats();
        let names = |which: fn(&tenantry::PoolStats) -> bool| {
            let pools = stats.pools().iter().filter(|pool| which(pool));
            pools.map(tenantry::PoolStats::name).collect::<Vec<_>>()
        };
        let (status, code) = if self.is_draining() {
            ("draining", StatusCode::SERVICE_UNAVAILABLE)
        } else {
            ("serving", StatusCode::OK)
        };
        let told = json!({
            "status": status,
            "pools_in_panic": names(tenantry::PoolStats::is_in_panic),
            "pools_without_endpoint": names(is_without_endpoint),
        });
        answer::json_of(code, &told)
    }

    fn status(&self) -> Answer {
        let (stats, seen) = self.look();
        let mut told = Reading { stats: &stats, seen: &seen, now: self.balancer.now() }.json();
        drop(seen);
        told["status"] = json!(if self.is_draining() { "draining" } else { "serving" });
        told["alerts"] = self.observer.alarms.json();
        told["after_restart"] = json!(**self.after_restart.load());
        told["guard"] = bans::json(&self.guard);
        let actions = self.token.load().as_ref().map_or_else(Vec::new, |_| self.actions.keys().collect());
        told["actions"] = json!(actions);
        answer::json_of(StatusCode::OK, &told)
    }

    fn rules(&self) -> Answer {
        match self.observer.alarms.rules() {
            Some(rules) => answer::text(StatusCode::OK, "application/yaml", rules),
            None => {
                let detail = "there are no alerts here: set their rules first";
                answer::problem(StatusCode::NOT_FOUND, "ALERTS_OFF", detail)
            }
        }
    }

    /// The error is an answer, too.
    async fn act<B>(&self, name: &str, request: Request<B>) -> Result<Answer, Answer>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send,
    {
        let (head, body) = request.into_parts();
        if let Some(refusal) = self.refuse(&head.method, &head.headers) {
            return Err(refusal);
        }
        let names = || self.actions.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let action = self.actions.get(name).ok_or_else(|| {
            let detail = format!("there is no such action; there are {}", names());
            answer::problem(StatusCode::NOT_FOUND, "UNKNOWN_ACTION", &detail)
        })?;
        let fields = fields(body).await?;
        let done = action.act(&fields).map_err(|error| answer::unfit(&error))?;
        // The audit trail: what was asked, which may hold nothing secret.
        let mut event = json!({ "event": "action", "action": name });
        for (field, value) in fields {
            // What an event is called and when it was are not for a body to say.
            if event.get(&field).is_none() {
                event[field] = value;
            }
        }
        self.observer.add(event);
        Ok(answer::json_of(StatusCode::OK, &json!({ "action": name, "done": done })))
    }

    /// Why nobody may act, or not so.
    fn refuse(&self, method: &Method, headers: &HeaderMap) -> Option<Answer> {
        let hosts = self.hosts.load();
        let token = self.token.load();
        let Some(token) = &*token else {
            let detail = "there are no actions here, because no token is configured";
            return Some(answer::problem(StatusCode::NOT_FOUND, "ACTIONS_OFF", detail));
        };
        let foreign = |origin: &HeaderValue| !hosts.allow_origin(origin.as_bytes());
        if method != Method::POST {
            Some(answer::method_not_allowed("POST"))
        } else if !bearer(headers).is_some_and(|presented| token.is(presented)) {
            Some(answer::unauthorized())
        } else if headers.get_all(ORIGIN).iter().any(foreign) {
            let detail = "a page from elsewhere may not act here";
            Some(answer::problem(StatusCode::FORBIDDEN, "FOREIGN_ORIGIN", detail))
        } else if !is_json(headers) {
            let detail = "send the body as `Content-Type: application/json`";
            Some(answer::problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "NOT_JSON", detail))
        } else {
            None
        }
    }
}

/// What the only `Authorization` presents, where it is of the right scheme.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let field = fields.next().filter(|_| fields.next().is_none())?.as_bytes();
    let (scheme, presented) = field.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(presented)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The body's fields.
async fn fields<B>(body: B) -> Result<Map<String, Value>, Answer>
where
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let detail = format!("an action's body has at most {LARGEST_BODY} bytes");
            return answer::problem(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", &detail);
        }
        answer::problem(StatusCode::BAD_REQUEST, "BODY_BROKEN", "the body ended too soon")
    })?;
    let wrong = |value, fix: String| answer::unfit(&ActionError::new("", value, fix));
    match serde_json::from_slice(&body.to_bytes()) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(wrong(Some(other), "write an object".to_owned())),
        Err(error) => Err(wrong(None, format!("write a JSON object: {error}"))),
    }
}

const LARGEST_BODY: usize = 16 * 1024;

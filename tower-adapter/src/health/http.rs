//! Asks by HTTP/1.1.

use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{CONNECTION, HOST, HeaderName, USER_AGENT},
};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tenantry::{CheckFailure, HttpCheck};
use tokio::{pin, select};

use super::{CheckFailed, connection::Connection, target::Target};

/// Sends one request over a connection, and looks at the answer.
pub(super) async fn ask(
    connection: Box<dyn Connection>,
    target: &Target,
    check: &HttpCheck,
) -> Result<(), CheckFailed> {
    let request = request(target, check)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await.map_err(broken)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        if !check.accepts(status.as_u16()) {
            return Err(CheckFailed::new(CheckFailure::Status, status.to_string()));
        }
        match check.body() {
            Some(text) => find(text, response.into_body(), status).await,
            None => Ok(()),
        }
    };
    pin!(exchange);
    select! {
        biased;
        result = &mut exchange => result,
        // It is over: the answer is there, or never will be.
        _ = connection => exchange.await,
    }
}

/// The text stands in the body's first bytes.
async fn find(text: &str, mut body: Incoming, status: StatusCode) -> Result<(), CheckFailed> {
    let mut seen = Vec::new();
    while seen.len() < LONGEST_BODY {
        let Some(frame) = body.frame().await else { break };
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        // What may have begun in the chunk before.
        let from = seen.len().saturating_sub(text.len());
        seen.extend_from_slice(&data[..data.len().min(LONGEST_BODY - seen.len())]);
        if seen[from..].windows(text.len()).any(|part| part == text.as_bytes()) {
            return Ok(());
        }
    }
    let evidence = format!("{status}, and {text:?} is not in the body: {}", String::from_utf8_lossy(&seen));
    Err(CheckFailed::new(CheckFailure::Body, evidence))
}

fn request(target: &Target, check: &HttpCheck) -> Result<Request<Empty<bytes::Bytes>>, CheckFailed> {
    let host = check.host().unwrap_or(target.authority.as_str());
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static("tenantry-health-check"));
    for (name, value) in check.headers() {
        headers
            .append(name.parse::<HeaderName>().map_err(wrong)?, value.parse::<HeaderValue>().map_err(wrong)?);
    }
    headers.insert(HOST, host.parse::<HeaderValue>().map_err(wrong)?);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut request = Request::new(Empty::new());
    *request.method_mut() = check.method().parse::<Method>().map_err(wrong)?;
    *request.uri_mut() = check.path().parse::<Uri>().map_err(wrong)?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn broken(error: hyper::Error) -> CheckFailed {
    CheckFailed::by(CheckFailure::Broken, &error)
}

fn wrong(error: impl std::error::Error + 'static) -> CheckFailed {
    CheckFailed::by(CheckFailure::Other, &error)
}

/// Bytes.
const LONGEST_BODY: usize = 65_536;

//! One question to a running gateway.

use std::{error, fmt, io, time::Duration};

use bytes::Bytes;
use http::{StatusCode, Uri, uri::PathAndQuery};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

/// Why a gateway could not be asked, or what it answered instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum AskError {
    /// The URL is none.
    Url(String),
    /// Nobody answers there.
    Silent(Uri, String),
    /// The answer is another one.
    Answer(Uri, StatusCode),
    /// The answer is not what a gateway says.
    Strange(Uri, String),
    /// The terminal cannot be written.
    Write(io::Error),
}

/// Whether the gateway at this URL serves: its `/healthz` answers with 200.
///
/// # Errors
/// When it does not, or cannot be asked.
pub async fn healthy(url: &str) -> Result<(), AskError> {
    ask(url, "/healthz").await.map(|_| ())
}

/// What stands at this path; or at the URL's own, where it has one.
pub(super) async fn ask(url: &str, path: &'static str) -> Result<Bytes, AskError> {
    let uri = page(url, path)?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let silent = |problem: String| AskError::Silent(uri.clone(), problem);
    let answer = async {
        let response = client.get(uri.clone()).await.map_err(|error| silent(causes(&error)))?;
        if response.status() != StatusCode::OK {
            return Err(AskError::Answer(uri.clone(), response.status()));
        }
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| silent(error.to_string()))
    };
    timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(silent(format!("no answer within {PATIENCE:?}"))))
}

fn page(url: &str, path: &'static str) -> Result<Uri, AskError> {
    let wrong = || AskError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    if uri.scheme_str() != Some("http") || uri.host().is_none() {
        return Err(wrong());
    }
    if uri.path() != "/" {
        return Ok(uri);
    }
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static(path));
    Uri::from_parts(parts).map_err(|_| wrong())
}

/// With what is behind it: "client error (Connect)" alone helps nobody.
fn causes(error: &dyn error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => {
                write!(
                    f,
                    "--url: {url:?} cannot be used: write the admin pages' address, as \"http://127.0.0.1:9090\""
                )
            }
            Self::Silent(uri, problem) => {
                write!(
                    f,
                    "{uri}: {problem}; start the gateway with gateway.admin, and name its address by --url"
                )
            }
            Self::Answer(uri, status) => write!(f, "{uri}: {status}"),
            Self::Strange(uri, problem) => write!(f, "{uri}: this is no gateway's status: {problem}"),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl error::Error for AskError {}

const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST: usize = 64 << 20;

//! Key sets over HTTP: in the clear from this machine, and over TLS from anywhere.

use std::{error::Error, iter::successors};

use bytes::Bytes;
use http::{StatusCode, Uri, uri::Scheme};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connect, HttpConnector},
    },
    rt::TokioExecutor,
};

use super::{JwtError, fetch::Fetch, jwks::LARGEST};

/// Over plain HTTP, from this machine.
pub(super) fn fetch(url: &str) -> Result<Fetch, JwtError> {
    let uri = parse(url, &Scheme::HTTP)?;
    if !matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        return Err(refused(url));
    }
    Ok(fetch_over(HttpConnector::new(), uri))
}

/// Over this connector. Redirects are not followed: who may say where keys are is the operator.
pub(super) fn fetch_over<C>(connector: C, uri: Uri) -> Fetch
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    Fetch::new(move || {
        let (client, uri) = (client.clone(), uri.clone());
        async move {
            let answer = client.get(uri).await.map_err(|error| whole(&error))?;
            if answer.status() != StatusCode::OK {
                return Err(format!("the key set's server answers {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            body.map(|body| body.to_bytes()).map_err(|error| whole(&*error))
        }
    })
}

/// A URL of this scheme, without credentials.
pub(super) fn parse(url: &str, scheme: &Scheme) -> Result<Uri, JwtError> {
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme() == Some(scheme));
    let is_plain = |uri: &Uri| uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    uri.filter(is_plain).ok_or_else(|| refused(url))
}

fn refused(url: &str) -> JwtError {
    // What stands before an @ may be a password.
    JwtError::Url { url: url.rsplit('@').next().unwrap_or_default().into() }
}

/// With its causes, of which the last one tells.
fn whole(error: &(dyn Error + 'static)) -> String {
    let causes = successors(Some(error), |error| (**error).source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

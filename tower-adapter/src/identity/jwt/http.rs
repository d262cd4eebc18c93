//! Key sets over plain HTTP, from this machine.

use bytes::Bytes;
use http::{StatusCode, Uri, uri::Scheme};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::{JwtError, fetch::Fetch, jwks::LARGEST};

pub(super) fn fetch(url: &str) -> Result<Fetch, JwtError> {
    let refused = || JwtError::Url { url: url.into() };
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let is_here = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if uri.scheme() != Some(&Scheme::HTTP) || !is_here {
        return Err(refused());
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    Ok(Fetch::new(move || {
        let (client, uri) = (client.clone(), uri.clone());
        async move {
            let answer = client.get(uri).await.map_err(|error| error.to_string())?;
            if answer.status() != StatusCode::OK {
                return Err(format!("the key set's server answers {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            body.map(|body| body.to_bytes()).map_err(|error| error.to_string())
        }
    }))
}

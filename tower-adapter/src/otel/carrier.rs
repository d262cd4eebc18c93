use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

/// Carries what is exported, on the runtime that it was made on: exporters have threads of their own, without one.
#[derive(Debug)]
pub(super) struct Carrier {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
}

impl Carrier {
    /// On the current runtime; `None` outside of one.
    pub(super) fn new() -> Option<Self> {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Some(Self { client, runtime: Handle::try_current().ok()? })
    }
}

#[async_trait]
impl HttpClient for Carrier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let response = client.request(request.map(Full::from)).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        });
        sent.await?
    }
}

const LONGEST_ANSWER: usize = 1 << 20;

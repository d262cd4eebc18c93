use std::time::Duration;

use http::{Request, Uri, request::Parts, uri::Authority};
use http_body::Body;
use hyper_util::{
    client::legacy::{Builder, Client},
    rt::{TokioExecutor, TokioTimer},
};
use tower::BoxError;

use super::{
    connect_to::ConnectTo, connector::Connector, failure::Failure, kept::LONGEST_IDLE,
    response_body::ResponseBody, unprocessed::has_gone_away, upload::Upload, wire::Call,
};

/// Endpoints to which requests share a connection.
pub(super) struct Http2<B> {
    client: Client<Connector, Upload<B>>,
    builder: Builder,
    connector: Connector,
}

impl<B> Http2<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(connector: Connector) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(LONGEST_IDLE).set_host(false);
        builder.timer(TokioTimer::new()).http2_only(true);
        // A connection of which nothing is heard is found out while requests wait on it.
        builder.http2_keep_alive_interval(PING_INTERVAL).http2_keep_alive_timeout(PING_TIMEOUT);
        builder.http2_adaptive_window(true);
        Self { client: builder.build(connector.clone()), builder, connector }
    }

    /// Sends this over a connection that it may share, and over another one where the endpoint has closed that before it looked at this; without a body, of which something may be gone.
    pub(super) fn send(&self, request: Request<Upload<B>>) -> Call {
        let spare = Spare::of(&request);
        let (client, call) = (self.client.clone(), self.client.request(request));
        Box::pin(async move {
            let mut answer = call.await;
            for _ in 0..MOST_AGAIN {
                let Err(error) = &answer else { break };
                let Some(again) = spare.as_ref().filter(|_| has_gone_away(error)).and_then(Spare::request)
                else {
                    break;
                };
                answer = client.request(again).await;
            }
            match answer {
                Err(error) if spare.is_some() && has_gone_away(&error) => Err(Failure::Gone(error.into())),
                answer => Ok(answer?.map(ResponseBody::from)),
            }
        })
    }

    /// Sends this over a connection of its own, whose authority is for the request to name.
    pub(super) fn send_alone(&self, request: Request<Upload<B>>, authority: Authority) -> Call {
        let (mut parts, body) = request.into_parts();
        let connector = ConnectTo::new(self.connector.clone(), parts.uri.clone());
        parts.uri = with_authority(parts.uri, authority);
        // Nothing is kept where nothing is shared: a kept connection of HTTP/2 would be the next request's, too.
        let client = self.builder.clone().pool_max_idle_per_host(0).build(connector);
        let call = client.request(Request::from_parts(parts, body));
        Box::pin(async move { Ok(call.await?.map(ResponseBody::from)) })
    }
}

/// What can be sent again.
struct Spare<B> {
    head: Parts,
    body: Upload<B>,
}

impl<B> Spare<B> {
    fn of(request: &Request<Upload<B>>) -> Option<Self> {
        let body = request.body().nothing_again()?;
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = request.method().clone();
        head.uri = request.uri().clone();
        head.version = request.version();
        head.headers = request.headers().clone();
        Some(Self { head, body })
    }

    fn request(&self) -> Option<Request<Upload<B>>> {
        Some(Request::from_parts(self.head.clone(), self.body.nothing_again()?))
    }
}

/// The same, whole as it is, of another authority.
fn with_authority(uri: Uri, authority: Authority) -> Uri {
    let mut parts = uri.into_parts();
    parts.authority = Some(authority);
    Uri::from_parts(parts).expect("a URI with scheme, authority and path is whole")
}

/// Each time a connection is closed just then: by an endpoint that closes them all at once, whoever comes.
const MOST_AGAIN: usize = 3;
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

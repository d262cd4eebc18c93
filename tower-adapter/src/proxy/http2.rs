use std::{sync::Arc, time::Duration};

use http::{Request, Response, Uri, request::Parts, uri::Authority};
use http_body::Body;
use hyper::client::conn::{TrySendError, http2::Builder};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::{BoxError, ServiceExt};

use super::{
    connector::Connector,
    failure::Failure,
    line::{Driver, Line, Sender},
    response_body::ResponseBody,
    targets::Target,
    unprocessed::has_gone_away,
    upload::Upload,
    wire::Call,
};

/// Endpoints to which requests share a connection.
pub(super) struct Http2 {
    dial: Arc<Dial>,
}

/// How connections are opened.
pub(super) struct Dial {
    connector: Connector,
    builder: Builder<TokioExecutor>,
}

impl Http2 {
    pub(super) fn new(connector: Connector) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        // A connection of which nothing is heard is found out while requests wait on it.
        builder.timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
        builder.adaptive_window(true);
        Self { dial: Arc::new(Dial { connector, builder }) }
    }

    /// Sends this over a connection that it may share, and over another one where that is closed before the endpoint has looked at this: where none of it was sent, or, of which something may be gone, without a body.
    pub(super) fn send<B>(&self, target: Arc<Target<B>>, mut request: Request<Upload<B>>) -> Call
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (dial, spare) = (Arc::clone(&self.dial), Spare::of(&request));
        Box::pin(async move {
            let mut left = MOST_AGAIN;
            loop {
                let turn = Line::turn(&target, &dial).await?;
                let mut refused = match send_by(turn.sender, request).await {
                    Ok(answer) => return Ok(answer),
                    Err(refused) => refused,
                };
                let unsent = refused.take_message();
                // Those that give it back because others have used them up are as many as others open.
                let is_counted = turn.is_first || unsent.is_none();
                let error = refused.into_error();
                let spare = spare.as_ref().filter(|_| has_gone_away(&error));
                match unsent.or_else(|| spare?.request()) {
                    None => return Err(Failure::Broken(error.into())),
                    Some(_) if is_counted && left == 0 => return Err(Failure::Gone(error.into())),
                    Some(again) => request = again,
                }
                left -= usize::from(is_counted);
            }
        })
    }

    /// Sends this over a connection of its own, whose authority is for the request to name.
    pub(super) fn send_alone<B>(&self, request: Request<Upload<B>>, authority: Authority) -> Call
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (dial, (mut parts, body)) = (Arc::clone(&self.dial), request.into_parts());
        Box::pin(async move {
            let (sender, driver) = dial.open(parts.uri.clone()).await.map_err(Failure::Connect)?;
            tokio::spawn(driver);
            parts.uri = with_authority(parts.uri, authority);
            let sent = send_by(sender, Request::from_parts(parts, body)).await;
            sent.map_err(|refused| Failure::Broken(refused.into_error().into()))
        })
    }
}

impl Dial {
    pub(super) async fn open<B>(&self, endpoint: Uri) -> Result<(Sender<B>, Driver), BoxError>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let stream = self.connector.clone().oneshot(endpoint).await?;
        let (sender, driver) = self.builder.handshake(stream).await?;
        Ok((sender, Box::pin(driver)))
    }
}

/// Sends this at once, and waits without what sends, see [`Line`].
pub(super) fn send_by<B>(
    mut sender: Sender<B>,
    request: Request<Upload<B>>,
) -> impl Future<Output = Result<Response<ResponseBody>, TrySendError<Request<Upload<B>>>>> + Send
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let sent = sender.try_send_request(request);
    async { sent.await.map(|answer| answer.map(ResponseBody::from)) }
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

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Weak},
    task::{Context, Poll, Wake, Waker},
};

use atomic_waker::AtomicWaker;
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, SendRequest},
    },
};
use tokio::task::coop::unconstrained;
use tower::{BoxError, ServiceExt};

use super::{
    connector::Connector,
    response_body::{Carrier, ResponseBody},
    rest,
    targets::Target,
    upload::{Upload, Watch},
};

/// A connection of HTTP/1.1 to an endpoint.
///
/// It has no task of its own: it reads and writes where the request that goes over it is polled, and after that its answer's body. So nothing is handed from task to task, nor from core to core.
pub(super) struct Connection<B> {
    /// `None` once it is closed.
    open: Option<Open<B>>,
    /// Where it is kept between requests.
    home: Weak<Target<B>>,
}

struct Open<B> {
    sender: SendRequest<Upload<B>>,
    driver: Driver,
    bell: Arc<Bell>,
    /// That rings it: always the same one, which hyper and the system need not be told anew with each request.
    ringer: Waker,
}

/// What wakes whoever waits for a connection, and nobody where nobody does.
#[derive(Default)]
struct Bell(AtomicWaker);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake();
    }
}

/// What reads and writes.
pub(super) type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Why a connection carries no answer.
pub(super) struct Refused<B> {
    /// The request, where nothing of it was sent.
    pub(super) unsent: Option<Box<Request<Upload<B>>>>,
    pub(super) error: hyper::Error,
}

impl<B> Connection<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// A new one.
    pub(super) async fn open(connector: Connector, target: &Arc<Target<B>>) -> Result<Box<Self>, BoxError> {
        let stream = connector.oneshot(target.uri()).await?;
        let (sender, driver) = http1::handshake(stream).await?;
        let bell = Arc::<Bell>::default();
        let ringer = Waker::from(Arc::clone(&bell));
        let open = Open { sender, driver: Box::pin(driver.with_upgrades()), bell, ringer };
        Ok(Box::new(Self { open: Some(open), home: Arc::downgrade(target) }))
    }

    /// Sends this, which a connection that has just been closed gives back. There is one that is open.
    pub(super) fn send(
        mut self: Box<Self>,
        request: Request<Upload<B>>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, Refused<B>>> + Send {
        let watch = request.body().watch();
        let open = self.open.as_mut().expect("whoever sends has looked");
        let call = open.sender.try_send_request(request);
        self.carry(call, watch)
    }

    async fn carry(
        mut self: Box<Self>,
        call: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Upload<B>>>>> + Send,
        watch: Watch,
    ) -> Result<Response<ResponseBody>, Refused<B>> {
        // Whatever it waits for, the connection has done just before it is polled: nobody has to wake it, and no budget may make it wait.
        let mut call = pin!(unconstrained(call));
        let answer = poll_fn(|cx| {
            self.drive(cx);
            call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        match answer.await {
            Ok(answer) => Ok(self.answered(answer, &watch)),
            Err(mut error) => {
                let unsent = error.take_message().map(Box::new);
                Err(Refused { unsent, error: error.into_error() })
            }
        }
    }

    fn answered(mut self: Box<Self>, answer: Response<Incoming>, watch: &Watch) -> Response<ResponseBody> {
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return answer.map(|body| ResponseBody::carried(body, self));
        }
        if let Some(open) = self.open.take_if(|_| !watch.standing().has_ended()) {
            // An endpoint may answer before it has all of the request, and a client may read nothing before it has sent all.
            let answered = rest::send_beside_answer(open.driver, watch.clone());
            return answer.map(|body| ResponseBody::carried_elsewhere(body, answered));
        }
        if answer.body().is_end_stream() {
            self.release();
            return answer.map(ResponseBody::from);
        }
        // Until its body is asked for, nothing is to wake anybody: asking would otherwise have its own task polled once more.
        self.hush();
        answer.map(|body| ResponseBody::carried(body, self))
    }
}

impl<B> Connection<B> {
    /// Whether a request may go over it, as far as is known: what its endpoint has done since it was last polled is found out before a request is sent, and gives that back.
    pub(super) fn is_idle(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.sender.is_ready())
    }

    /// The same, now that it is known. That takes no call of the system where the endpoint did nothing.
    pub(super) fn is_open(&mut self) -> bool {
        self.settle();
        self.is_idle()
    }

    /// Reads and writes what it can, for once. Whom it would wake has been hushed.
    fn settle(&mut self) {
        let once = poll_fn(|_| {
            self.poll();
            Poll::Ready(())
        });
        let polled = pin!(unconstrained(once)).poll(&mut Context::from_waker(Waker::noop()));
        debug_assert!(polled.is_ready());
    }

    fn poll(&mut self) {
        let ended =
            |open: &mut Open<B>| open.driver.as_mut().poll(&mut Context::from_waker(&open.ringer)).is_ready();
        // How it ended is told to whoever waits for an answer, or for more of one.
        drop(self.open.take_if(ended));
    }

    /// Wakes nobody until it is driven again.
    fn hush(&self) {
        if let Some(open) = &self.open {
            drop(open.bell.0.take());
        }
    }
}

impl<B> Carrier for Connection<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(open) = &self.open {
            open.bell.0.register(cx.waker());
        }
        self.poll();
    }

    fn release(mut self: Box<Self>) {
        self.hush();
        if self.is_idle() || self.is_open() {
            if let Some(home) = self.home.upgrade() {
                home.kept.keep(self);
            }
        } else if let Some(open) = self.open.take() {
            rest::send(open.driver);
        }
    }

    fn driver(mut self: Box<Self>) -> Option<Driver> {
        self.open.take().map(|open| open.driver)
    }
}

impl<B> Drop for Connection<B> {
    /// Ends one that is idle in order, as far as that takes no waiting: over TLS its endpoint is told.
    fn drop(&mut self) {
        if let Some(Open { sender, mut driver, .. }) = self.open.take_if(|open| open.sender.is_ready()) {
            drop(sender);
            // Nothing more can be done for it.
            let _ended = driver.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

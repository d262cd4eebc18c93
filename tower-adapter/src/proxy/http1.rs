use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use http::{Request, Response};
use http_body::Body;
use tokio::time::sleep;
use tower::BoxError;

use super::{
    connection::{Connection, Refused},
    connector::Connector,
    failure::Failure,
    kept::SWEEP_EVERY,
    response_body::ResponseBody,
    targets::{Target, Targets},
    upload::Upload,
    wire::Call,
};

/// Connections to endpoints, one request at a time over each.
pub(super) struct Http1<B> {
    connector: Connector,
    /// Each with the connections that are kept to it.
    targets: Arc<Targets<B>>,
    is_swept: AtomicBool,
}

impl<B> Http1<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    pub(super) const fn new(connector: Connector, targets: Arc<Targets<B>>) -> Self {
        Self { connector, targets, is_swept: AtomicBool::new(false) }
    }

    /// Sends this over a connection that is kept, or else over a new one.
    pub(super) fn send(self: Arc<Self>, target: Arc<Target<B>>, request: Request<Upload<B>>) -> Call {
        self.sweep_from_now_on();
        let Some(connection) = target.kept.take() else {
            return Box::pin(self.send_over_new(target, request));
        };
        let sent = connection.send(request);
        Box::pin(async move {
            match sent.await {
                Ok(answer) => Ok(answer),
                Err(refused) => self.send_again(target, refused).await,
            }
        })
    }

    /// Sends over another one what a connection that was closed meanwhile gave back.
    #[cold]
    fn send_again(self: Arc<Self>, target: Arc<Target<B>>, mut refused: Refused<B>) -> Call {
        Box::pin(async move {
            // One after the other: after an endpoint's restart all that were kept are closed.
            while let Some(request) = refused.unsent {
                let Some(connection) = target.kept.take() else {
                    return self.send_over_new(target, *request).await;
                };
                refused = match connection.send(*request).await {
                    Ok(answer) => return Ok(answer),
                    Err(refused) => refused,
                };
            }
            Err(Failure::Broken(refused.error.into()))
        })
    }

    async fn send_over_new(
        self: Arc<Self>,
        target: Arc<Target<B>>,
        request: Request<Upload<B>>,
    ) -> Result<Response<ResponseBody>, Failure> {
        let connection = Connection::open(self.connector.clone(), &target).await;
        let sent = connection.map_err(Failure::Connect)?.send(request).await;
        sent.map_err(|Refused { error, .. }| Failure::Broken(error.into()))
    }

    /// As long as this lives, and the runtime.
    fn sweep_from_now_on(self: &Arc<Self>) {
        // Relaxed: who sets it first does what it stands for. Looked at first, because it is set nearly always.
        if self.is_swept.load(Ordering::Relaxed) || self.is_swept.swap(true, Ordering::Relaxed) {
            return;
        }
        tokio::spawn(sweep(Sweeping(Arc::downgrade(self))));
    }
}

/// The task that sweeps; where it ends with its runtime, another may begin.
struct Sweeping<B>(Weak<Http1<B>>);

async fn sweep<B>(sweeping: Sweeping<B>)
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    while let Some(swept) = sweeping.0.upgrade() {
        for target in swept.targets.all() {
            target.kept.sweep();
        }
        drop(swept);
        sleep(SWEEP_EVERY).await;
    }
}

impl<B> Drop for Sweeping<B> {
    fn drop(&mut self) {
        if let Some(swept) = self.0.upgrade() {
            swept.is_swept.store(false, Ordering::Relaxed);
        }
    }
}

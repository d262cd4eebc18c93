//! The connection of HTTP/2 that all requests to an endpoint share.
//!
//! hyper takes requests for a connection through a channel of tokio's, which may take one in the very moment in which the connection lets go of the other end; it then lies there until nobody can send by
//! that channel any more, and only then is given back. *Where we differ*: hyper-util's pool holds what sends for as long as its request waits, so that such a request waits for ever. Here only the line
//! holds it, and lets go when its connection ends. One that others wait for is opened in a task of its own, which no client ends by leaving.

use std::{
    io, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http_body::Body;
use hyper::client::conn::http2::SendRequest;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};
use tower::BoxError;

use super::{failure::Failure, http2::Dial, kept::LONGEST_IDLE, targets::Target, upload::Upload};

/// What sends over a connection; whoever waits for an answer holds none.
pub(super) type Sender<B> = SendRequest<Upload<B>>;

/// What takes requests from senders, until it can take no more.
pub(super) type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

type Opened<B> = Result<Sender<B>, Arc<dyn std::error::Error + Send + Sync>>;

/// An endpoint's connection, or none yet.
pub(super) struct Line<B>(Mutex<State<B>>);

enum State<B> {
    Closed,
    Opening(Vec<oneshot::Sender<Opened<B>>>),
    Open { sender: Sender<B>, used: Instant },
}

/// What one request sends by.
pub(super) struct Turn<B> {
    pub(super) sender: Sender<B>,
    /// The connection was opened for this request.
    pub(super) is_first: bool,
}

impl<B> Line<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// A turn on the endpoint's connection; where there is none, on one that is opened, once for all who ask meanwhile.
    pub(super) async fn turn(target: &Arc<Target<B>>, dial: &Arc<Dial>) -> Result<Turn<B>, Failure> {
        let (opened, is_first) = match target.line.join() {
            Joined::Open(sender) => return Ok(Turn { sender, is_first: false }),
            Joined::Waiting(opened) => (opened, false),
            Joined::First(opened) => {
                tokio::spawn(open(Arc::clone(dial), Opening(Some(Arc::clone(target)))));
                (opened, true)
            }
        };
        match opened.await {
            Ok(Ok(sender)) => Ok(Turn { sender, is_first }),
            Ok(Err(error)) => Err(Failure::Connect(error.into())),
            // With the runtime of whoever asked first.
            Err(error) => Err(Failure::Connect(error.into())),
        }
    }
}

enum Joined<B> {
    Open(Sender<B>),
    Waiting(oneshot::Receiver<Opened<B>>),
    /// Who is to open one.
    First(oneshot::Receiver<Opened<B>>),
}

impl<B> Line<B> {
    fn join(&self) -> Joined<B> {
        let mut state = self.lock();
        match &mut *state {
            State::Open { sender, used } if takes_more(sender, *used) => {
                *used = Instant::now();
                Joined::Open(sender.clone())
            }
            State::Opening(waiters) => {
                let (waiter, opened) = oneshot::channel();
                waiters.push(waiter);
                Joined::Waiting(opened)
            }
            State::Closed | State::Open { .. } => {
                let (waiter, opened) = oneshot::channel();
                let before = mem::replace(&mut *state, State::Opening(vec![waiter]));
                // Let go of once nobody waits for the lock.
                drop(state);
                drop(before);
                Joined::First(opened)
            }
        }
    }

    fn opened(&self, opened: Opened<B>) {
        let state = match &opened {
            Ok(sender) => State::Open { sender: sender.clone(), used: Instant::now() },
            Err(_) => State::Closed,
        };
        let before = mem::replace(&mut *self.lock(), state);
        let State::Opening(waiters) = before else { return };
        for waiter in waiters {
            // Who has left needs none.
            drop(waiter.send(opened.clone()));
        }
    }

    /// Lets go of a connection that is closed, or idle for too long; when to ask again about one that stays.
    fn tidy(&self) -> Option<Instant> {
        let mut state = self.lock();
        let State::Open { sender, used } = &*state else { return None };
        if takes_more(sender, *used) {
            return Some(*used + LONGEST_IDLE);
        }
        let gone = mem::replace(&mut *state, State::Closed);
        drop(state);
        drop(gone);
        None
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a connection that was used last then is still one to send by.
fn takes_more<B>(sender: &Sender<B>, used: Instant) -> bool {
    !sender.is_closed() && used.elapsed() < LONGEST_IDLE
}

impl<B> Default for Line<B> {
    fn default() -> Self {
        Self(Mutex::new(State::Closed))
    }
}

/// Who opens a connection; those that wait for it are told, also where that ends before its time.
struct Opening<B>(Option<Arc<Target<B>>>);

impl<B> Opening<B> {
    fn end(mut self, opened: Opened<B>) -> Weak<Target<B>> {
        let target = self.0.take().expect("it ends once");
        target.line.opened(opened);
        Arc::downgrade(&target)
    }
}

impl<B> Drop for Opening<B> {
    fn drop(&mut self) {
        if let Some(target) = self.0.take() {
            drop(mem::replace(&mut *target.line.lock(), State::Closed));
        }
    }
}

async fn open<B>(dial: Arc<Dial>, opening: Opening<B>)
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let uri = opening.0.as_ref().expect("it has not ended").uri();
    let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
    match timeout(LONGEST_OPENING, dial.open(uri)).await.unwrap_or_else(late) {
        Ok((sender, driver)) => {
            let target = opening.end(Ok(sender));
            Driven::new(driver, target).drive().await;
        }
        Err(error) => drop(opening.end(Err(error.into()))),
    }
}

/// A connection on its line. Dropped, it shows itself closed first, and then its place is taken from it.
struct Driven<B> {
    driver: Driver,
    line: OnLine<B>,
}

impl<B> Driven<B> {
    const fn new(driver: Driver, target: Weak<Target<B>>) -> Self {
        Self { driver, line: OnLine(target) }
    }

    /// As long as the connection takes requests; those that it has go on without.
    async fn drive(mut self) {
        while let Some(next) = self.line.tidy() {
            // How it ends its requests are told.
            if timeout_at(next, &mut self.driver).await.is_ok() {
                return;
            }
        }
        // Nobody sends by it any more.
        self.driver.await.ok();
    }
}

/// A connection's place on its line, which it leaves at its end.
struct OnLine<B>(Weak<Target<B>>);

impl<B> OnLine<B> {
    fn tidy(&self) -> Option<Instant> {
        self.0.upgrade()?.line.tidy()
    }
}

impl<B> Drop for OnLine<B> {
    fn drop(&mut self) {
        self.tidy();
    }
}

/// Five seconds of which are those of TCP.
const LONGEST_OPENING: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{
        Request,
        uri::{Authority, Scheme},
    };
    use http_body_util::Empty;
    use hyper::client::conn::http2;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::{
        io::{DuplexStream, duplex},
        task::spawn_blocking,
        time::sleep,
    };

    use super::*;
    use crate::{
        balance::PickedEndpoint,
        proxy::{http2::send_by, kept::Kept, trailers::Said},
    };

    fn target() -> Arc<Target<Empty<Bytes>>> {
        let (scheme, authority) = (Scheme::HTTP, Authority::from_static("h:1"));
        Arc::new(Target { scheme, authority, kept: Kept::default(), line: Line::default() })
    }

    fn request() -> Request<Upload<Empty<Bytes>>> {
        let (head, body) = Request::new(Empty::new()).into_parts();
        let upload = Upload::new(body, PickedEndpoint::new("h:1"), Said::default());
        Request::from_parts(head, upload)
    }

    async fn connection() -> (Sender<Empty<Bytes>>, Driver, DuplexStream) {
        let (ours, theirs) = duplex(1_024);
        let handshake = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(ours));
        let (sender, driver) = handshake.await.unwrap();
        (sender, Box::pin(driver), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_nobody_uses_for_a_minute_is_let_go_of() {
        let ((sender, driver, _theirs), target) = (connection().await, target());
        target.line.opened(Ok(sender));
        let driven = tokio::spawn(Driven::new(driver, Arc::downgrade(&target)).drive());
        for _ in 0..3 {
            sleep(LONGEST_IDLE - Duration::from_secs(1)).await;
            assert!(matches!(target.line.join(), Joined::Open(_)));
        }
        sleep(LONGEST_IDLE + Duration::from_secs(1)).await;
        driven.await.unwrap();
        assert!(matches!(target.line.join(), Joined::First(_)));
        assert!(matches!(target.line.join(), Joined::Waiting(_)));
    }

    #[tokio::test]
    async fn who_waits_for_one_that_is_never_opened_is_told() {
        let target = target();
        let (Joined::First(first), Joined::Waiting(second)) = (target.line.join(), target.line.join()) else {
            panic!("there is none")
        };
        drop(Opening(Some(Arc::clone(&target))));
        assert!(first.await.is_err() && second.await.is_err());
        assert!(matches!(target.line.join(), Joined::First(_)));
    }

    #[tokio::test]
    async fn a_connection_that_ends_is_let_go_of_though_nobody_asks_for_it() {
        for is_dropped in [false, true] {
            let ((sender, driver, theirs), target) = (connection().await, target());
            target.line.opened(Ok(sender));
            let driven = tokio::spawn(Driven::new(driver, Arc::downgrade(&target)).drive());
            if is_dropped {
                driven.abort();
            } else {
                drop(theirs);
            }
            assert_eq!(driven.await.is_err(), is_dropped);
            assert!(matches!(*target.line.lock(), State::Closed));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_sent_as_its_connection_ends_comes_back() {
        for _ in 0..ROUNDS {
            let ((sender, driver, theirs), target) = (connection().await, target());
            target.line.opened(Ok(sender));
            let driven = tokio::spawn(Driven::new(driver, Arc::downgrade(&target)).drive());
            let leaving = spawn_blocking(move || drop(theirs));
            let mut sent = vec![];
            // Nobody asks for it once it is closed.
            while let State::Open { sender, .. } = &*target.line.lock()
                && !sender.is_closed()
            {
                sent.push(send_by(sender.clone(), request()));
            }
            leaving.await.unwrap();
            driven.await.unwrap();
            for sent in sent {
                let told = timeout(Duration::from_secs(10), sent).await;
                assert!(told.is_ok(), "it waits for an answer that nobody will give");
            }
        }
    }

    /// Where waiting requests hold what sends, one in some hundreds fails.
    const ROUNDS: usize = 1_000;
}

//! An upstream to try things on: four workers, 20 ms per request, and a queue of its own before them.
//!
//! A request's end is booked when it arrives, so that backlog is served at exactly 200/s, however late timers fire; and
//! work whose client has gone away is done all the same.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// How many requests an upstream works on at once.
pub const WORKERS: usize = 4;

/// How long it works on each.
pub const WORK: Duration = Duration::from_millis(20);

/// Starts one, which lives as long as the runtime.
///
/// # Errors
/// When no port is to be had.
pub async fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let workers = Arc::new(Workers::start());
    tokio::spawn(async move {
        loop {
            // Without a file descriptor left, the next attempt may have one.
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&workers), address))),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    Ok(address)
}

async fn connection(stream: TcpStream, workers: Arc<Workers>, address: SocketAddr) {
    stream.set_nodelay(true).ok(); // answers come a little later without it
    let service = service_fn(|request| answer(&workers, address, request));
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    served.await.ok(); // a client may go away
}

async fn answer(
    workers: &Workers,
    address: SocketAddr,
    _: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    workers.book().await.expect("the clock runs as long as the workers are there");
    Ok(Response::new(Full::from(format!("served by the upstream at {address}\n"))))
}

/// First come, first served. All requests are equally long, so they end in the order in which they came.
struct Workers {
    booked: Mutex<Booked>,
}

struct Booked {
    /// When each worker is free, the first one first.
    free: VecDeque<Instant>,
    ends: mpsc::Sender<(Instant, oneshot::Sender<()>)>,
}

impl Workers {
    /// With a clock of their own, a thread that is more exact than an async timer's milliseconds.
    fn start() -> Self {
        let (ends, ending) = mpsc::channel::<(Instant, oneshot::Sender<()>)>();
        thread::spawn(move || {
            for (end, done) in ending {
                // Nobody waits for what its client has left.
                if !done.is_closed() {
                    thread::sleep(end.saturating_duration_since(Instant::now()));
                    done.send(()).ok();
                }
            }
        });
        Self { booked: Mutex::new(Booked { free: [Instant::now(); WORKERS].into(), ends }) }
    }

    fn book(&self) -> oneshot::Receiver<()> {
        let (done, ended) = oneshot::channel();
        let mut booked = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
        let free = booked.free.pop_front().expect("there are workers");
        let end = free.max(Instant::now()) + WORK;
        booked.free.push_back(end);
        booked.ends.send((end, done)).ok(); // it ends after the workers
        ended
    }
}

//! An upstream to try things on: four workers, 20 ms per request, and a queue of its own before them.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};

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
    let workers = Arc::new(Semaphore::new(WORKERS));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let workers = Arc::clone(&workers);
            let service = service_fn(move |request| answer(Arc::clone(&workers), address, request));
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(served);
        }
    });
    Ok(address)
}

async fn answer(
    workers: Arc<Semaphore>,
    address: SocketAddr,
    _: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let _worker = workers.acquire().await.expect("nobody closes it"); // first come, first served
    sleep(WORK).await;
    Ok(Response::new(Full::from(format!("served by the upstream at {address}\n"))))
}

//! Two connections joined: what one sends the other gets, whatever it is.

use std::{
    future,
    io::Result,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional},
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

/// Until both sides have ended, one has broken off, neither has moved a byte for so long, or it is told to end. An end goes on to the other side, which may still send.
pub(super) async fn join(
    (client, endpoint): (Upgraded, Upgraded),
    idle_timeout: Option<Duration>,
    hangup: Option<&mut watch::Receiver<bool>>,
) {
    let pulse = Pulse::new();
    let mut client = Felt { inner: TokioIo::new(client), pulse: pulse.clone() };
    let mut endpoint = TokioIo::new(endpoint);
    tokio::select! {
        // What is there to be moved comes before the clock.
        biased;
        // Who broke off is nothing to anybody any more.
        _ = copy_bidirectional(&mut client, &mut endpoint) => return,
        () = pulse.stops(idle_timeout) => {}
        () = told(hangup) => {}
    }
    // Both hear of the end, unless they have stopped reading.
    let ends = async { tokio::join!(client.shutdown(), endpoint.shutdown()) };
    timeout(LONGEST_END, ends).await.ok();
}

/// Never ready where nobody can tell, or nobody can any more.
async fn told(hangup: Option<&mut watch::Receiver<bool>>) {
    let is_told = match hangup {
        Some(hangup) => hangup.wait_for(|told| *told).await.is_ok(),
        None => false,
    };
    if !is_told {
        future::pending::<()>().await;
    }
}

/// When a byte moved last.
#[derive(Clone)]
struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Ready when there was none for so long.
    async fn stops(&self, timeout: Option<Duration>) {
        let Some(timeout) = timeout else { return future::pending().await };
        loop {
            let end = *self.0.lock().unwrap_or_else(PoisonError::into_inner) + timeout;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// The client's side: all that moves passes here, in one direction or the other.
struct Felt<S> {
    inner: S,
    pulse: Pulse,
}

impl<S: AsyncRead + Unpin> AsyncRead for Felt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pulse.beat();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Felt<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.pulse.beat();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// How long the word of a tunnel's end may take to go out.
const LONGEST_END: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pulse_stops_so_long_after_its_last_beat() {
        let (pulse, start, second) = (Pulse::new(), Instant::now(), Duration::from_secs(1));
        let watched = pulse.clone();
        let watch = tokio::spawn(async move { watched.stops(Some(60 * second)).await });
        for _ in 0..10 {
            advance(50 * second).await;
            pulse.beat();
        }
        watch.await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 560);
    }
}

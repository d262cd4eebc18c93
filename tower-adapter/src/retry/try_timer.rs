//! How long an attempt may take: from the moment in which its endpoint has the whole request, or reads no more of it though there is more.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::Body;
use tokio::time::{Instant, Sleep, sleep};

use crate::replay::{Replay, Upload};

pub(super) struct TryTimer {
    timeout: Duration,
    sleep: Pin<Box<Sleep>>,
    /// How the upload stood when the timer was set.
    stood: Upload,
}

impl TryTimer {
    /// For an attempt that has just been sent.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, sleep: Box::pin(sleep(timeout)), stood: Upload::default() }
    }

    /// Ready when the endpoint has taken too long.
    pub(super) fn poll<B: Body>(&mut self, body: &Replay<B>, cx: &mut Context<'_>) -> Poll<()> {
        let sent = body.poll_sent(cx).is_ready();
        if sent && !self.stood.is_sent {
            self.set(body.standing());
        }
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let standing = body.standing();
            if sent || (standing == self.stood && !standing.is_clients_turn) {
                return Poll::Ready(());
            }
            self.set(standing);
        }
    }

    /// Whether it has been ready, and still is.
    pub(super) fn is_over(&self) -> bool {
        self.sleep.is_elapsed()
    }

    fn set(&mut self, stood: Upload) {
        self.stood = stood;
        self.sleep.as_mut().reset(Instant::now() + self.timeout);
    }
}

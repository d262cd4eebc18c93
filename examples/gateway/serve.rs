//! Serves with the defaults, and hears the signals that end it.

use std::{io, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal as listen_for},
};

use crate::{listener::Listener, route::Router};

/// Serves within the default limits until `stop` is ready, then drains for at most `drain`. Whether all that was in flight finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
    drain: Duration,
) -> bool {
    Listener::new(listener, router).serve(stop, drain).await
}

/// Ctrl-C and `SIGTERM`, as often as they come.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn new() -> io::Result<Self> {
        let interrupt = listen_for(SignalKind::interrupt())?;
        let terminate = listen_for(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    /// Becomes ready at the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

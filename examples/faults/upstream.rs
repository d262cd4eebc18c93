//! An upstream in a process of its own that can be told to misbehave: by lines on its standard input, and by signals.

use std::{convert::Infallible, io, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use bytes::Bytes;
use clap::Args;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    rt::{Read, Write},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use rustix::net::sockopt;
use tenantry_tower::tls::{CertificateFiles, Certificates, ServerTls};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// What the child is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    /// What answers say of who gave them.
    #[arg(long)]
    name: String,
    /// Speaks TLS, and shows this.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
}

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Answers 200 after [`WORK`].
    Normal,
    /// Ten times slower.
    Slow,
    /// 500 at once, also to whoever asks how it is.
    Failing,
    /// 500 at once to everything but health checks.
    Lying,
    /// Accepts connections and never answers.
    BlackHole,
    /// Resets every connection.
    Reset,
}

impl Mode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Slow => "slow",
            Self::Failing => "failing",
            Self::Lying => "lying",
            Self::BlackHole => "black-hole",
            Self::Reset => "reset",
        }
    }
}

impl FromStr for Mode {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Self> {
        let modes = [Self::Normal, Self::Slow, Self::Failing, Self::Lying, Self::BlackHole, Self::Reset];
        let found = modes.into_iter().find(|mode| mode.name() == name);
        found.ok_or_else(|| io::Error::other(format!("{name:?} is no mode")))
    }
}

impl Arguments {
    /// Serves until its standard input ends, or it is asked to end.
    pub(crate) async fn serve(self) -> io::Result<()> {
        let acceptor = self.acceptor()?;
        let listener = TcpListener::bind(self.listen).await?;
        let (set, mode) = watch::channel(Mode::Normal);
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut asked_to_end = signal(SignalKind::terminate())?;
        let connections = GracefulShutdown::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    let connection = Connection { mode: mode.clone(), name: self.name.clone(), watcher: connections.watcher() };
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move { connection.accept(stream, acceptor).await });
                }
                line = lines.next_line() => match line? {
                    Some(line) => drop(set.send(line.parse()?)),
                    None => return Ok(()),
                },
                _ = asked_to_end.recv() => break,
            }
        }
        // Nothing new, and what is in flight ends.
        drop(listener);
        timeout(Duration::from_secs(5), connections.shutdown()).await.ok();
        Ok(())
    }

    fn acceptor(&self) -> io::Result<Option<TlsAcceptor>> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else { return Ok(None) };
        let certificates = Certificates::read([CertificateFiles::new(certificate, key)]);
        let config = ServerTls::new(certificates.map_err(io::Error::other)?).config();
        Ok(Some(TlsAcceptor::from(config.map_err(io::Error::other)?)))
    }
}

/// One connection, and what its requests need.
struct Connection {
    mode: watch::Receiver<Mode>,
    name: String,
    watcher: Watcher,
}

impl Connection {
    async fn accept(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        stream.set_nodelay(true).ok();
        // Closing resets.
        sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).ok();
        if *self.mode.borrow() == Mode::Reset {
            return;
        }
        match acceptor {
            None => self.serve(TokioIo::new(stream)).await,
            Some(acceptor) => {
                // Whoever does not trust it goes away.
                if let Ok(stream) = acceptor.accept(stream).await {
                    self.serve(TokioIo::new(stream)).await;
                }
            }
        }
    }

    async fn serve(self, stream: impl Read + Write + Unpin + 'static) {
        let Self { mut mode, name, watcher } = self;
        let now = mode.clone();
        let service = service_fn(|request| answer(request, now.clone(), &name));
        let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(stream, service);
        tokio::select! {
            // A client may go away.
            ended = watcher.watch(served) => drop(ended),
            _ = mode.wait_for(|mode| *mode == Mode::Reset) => {}
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    mut mode: watch::Receiver<Mode>,
    name: &str,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let asks_health = request.uri().path() == "/healthz";
    let now = *mode.borrow();
    let status = match now {
        Mode::Failing => StatusCode::INTERNAL_SERVER_ERROR,
        Mode::Lying if !asks_health => StatusCode::INTERNAL_SERVER_ERROR,
        Mode::BlackHole => {
            // As long as it is one; then the client has long gone.
            mode.wait_for(|mode| *mode != Mode::BlackHole).await.ok();
            StatusCode::OK
        }
        Mode::Slow => {
            sleep(WORK * 10).await;
            StatusCode::OK
        }
        Mode::Normal | Mode::Lying | Mode::Reset => {
            sleep(WORK).await;
            StatusCode::OK
        }
    };
    let mut response = Response::new(Full::from("served\n"));
    *response.status_mut() = status;
    if let Ok(value) = name.parse() {
        response.headers_mut().insert("x-upstream", value);
    }
    Ok(response)
}

/// How long a request takes.
const WORK: Duration = Duration::from_millis(5);

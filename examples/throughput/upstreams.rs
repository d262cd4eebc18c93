//! Three upstreams in one process: each answers 200 and a hundred bytes as soon as it has read the request.

use std::{convert::Infallible, env, io, net::SocketAddr, path::Path};

use bytes::Bytes;
use clap::Args;
use gateway_parts::process::{Running, free_address};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{LOAD_CORE, systems::on_core};

/// What the child is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    addresses: Vec<SocketAddr>,
}

/// The running child, which ends with this.
#[derive(Debug)]
pub(crate) struct Upstreams {
    addresses: Vec<SocketAddr>,
    _running: Running,
}

impl Upstreams {
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let addresses: Vec<_> = (0..3).map(|_| free_address()).collect::<io::Result<_>>()?;
        let mut command = on_core(LOAD_CORE, env::current_exe()?)?;
        command.arg("upstreams").args(addresses.iter().map(SocketAddr::to_string));
        let last = addresses[addresses.len() - 1];
        Ok(Self { _running: Running::start(&mut command, last, folder)?, addresses })
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Arguments {
    /// Serves until killed.
    pub(crate) async fn serve(&self) -> io::Result<()> {
        let mut serving = JoinSet::new();
        for address in &self.addresses {
            serving.spawn(serve(TcpListener::bind(address).await?));
        }
        serving.join_all().await.into_iter().collect()
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| async {
                // Whoever answers before it has read all breaks its connection.
                request.into_body().collect().await.ok();
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(&BODY))))
            });
            // A proxy may go away.
            http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
        });
    }
}

const BODY: [u8; 100] = [b'x'; 100];

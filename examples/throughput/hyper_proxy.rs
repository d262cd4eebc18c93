//! The least that a proxy of hyper and hyper-util does: next upstream in turn, another authority, and the answer as it is.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use clap::Args;
use http::{Request, Uri, uri::Authority};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

/// What the child is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    upstreams: Vec<SocketAddr>,
}

impl Arguments {
    /// Serves until killed.
    pub(crate) async fn serve(&self) -> io::Result<()> {
        let authorities = self.upstreams.iter().map(|address| address.to_string().parse::<Authority>());
        let authorities: Arc<[Authority]> =
            authorities.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?.into();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build::<_, Incoming>(connector);
        let turn = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind(self.listen).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (client, turn, authorities) = (client.clone(), Arc::clone(&turn), Arc::clone(&authorities));
            tokio::spawn(async move {
                let proxy = service_fn(move |request: Request<Incoming>| {
                    // Relaxed: a counter that guards nothing else.
                    let next = turn.fetch_add(1, Ordering::Relaxed) % authorities.len();
                    client.request(sent_to(request, &authorities[next]))
                });
                // A client may go away.
                http1::Builder::new().serve_connection(TokioIo::new(stream), proxy).await.ok();
            });
        }
    }
}

fn sent_to(mut request: Request<Incoming>, authority: &Authority) -> Request<Incoming> {
    let path = request.uri().path_and_query().cloned();
    let uri = Uri::builder().scheme("http").authority(authority.clone());
    let uri = uri.path_and_query(path.unwrap_or_else(|| http::uri::PathAndQuery::from_static("/"))).build();
    // Infallible: all three parts are there.
    if let Ok(uri) = uri {
        *request.uri_mut() = uri;
    }
    request
}

//! Real servers for the tests, on ephemeral ports of the loopback address.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tenantry_tower::{balance::PickedEndpoint, proxy::Peer};
use tokio::net::TcpListener;
use tower::{Layer, Service, layer::layer_fn};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type TestBody = UnsyncBoxBody<Bytes, BoxError>;

/// A server that lives until its test's runtime ends.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections it has accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// An upstream that answers with a function.
pub(crate) async fn upstream<F, R, B>(answer: F) -> Server
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<B>> + Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service_fn(move |request| {
        let answered = answer(request);
        async { Ok::<_, Infallible>(answered.await) }
    });
    listen(move |_| service.clone()).await
}

/// A server in front of a tower service, as a gateway is: each request knows its peer and where it shall go.
pub(crate) async fn front<S, B>(service: S, endpoint: &str) -> Server
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let endpoint = endpoint.to_owned();
    listen(move |peer| {
        let endpoint = endpoint.clone();
        let service = layer_fn(move |inner| Addressed { inner, endpoint: endpoint.clone(), peer })
            .layer(service.clone());
        TowerToHyperService::new(service)
    })
    .await
}

async fn listen<M, S, B>(make: M) -> Server
where
    M: Fn(SocketAddr) -> S + Send + 'static,
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { address: listener.local_addr().unwrap(), connections: Arc::default() };
    let connections = Arc::clone(&server.connections);
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            // A connection that breaks is what some tests are about.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), make(peer)));
        }
    });
    server
}

#[derive(Clone)]
struct Addressed<S> {
    inner: S,
    endpoint: String,
    peer: SocketAddr,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Addressed<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(PickedEndpoint::new(&self.endpoint));
        request.extensions_mut().insert(Peer::new(self.peer));
        self.inner.call(request)
    }
}

/// A request that goes to `endpoint`.
pub(crate) fn to(endpoint: &str, mut request: Request<TestBody>) -> Request<TestBody> {
    request.extensions_mut().insert(PickedEndpoint::new(endpoint));
    request
}

pub(crate) fn body<B>(body: B) -> TestBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

pub(crate) fn empty() -> TestBody {
    body(http_body_util::Empty::new())
}

/// Bytes that repeat at no power of two.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

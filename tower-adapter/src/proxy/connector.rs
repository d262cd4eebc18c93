//! Connections to endpoints, with TLS where an address asks for it.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use http::Uri;
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};
use tower::Service;

use crate::tls::{ClientTls, CurrentClient};

/// Each connection by what the files of a [`CurrentClient`] hold by then.
#[derive(Clone)]
pub(crate) struct Connector {
    http: HttpConnector,
    config: Arc<ArcSwap<ClientConfig>>,
    names: Arc<dyn ResolveServerName + Send + Sync>,
    is_http2: bool,
}

impl Connector {
    /// Without TLS, where there is none.
    pub(super) fn new(http: HttpConnector, tls: Option<&CurrentClient>, is_http2: bool) -> Self {
        let nobody = || Arc::new(ArcSwap::from_pointee(ClientTls::trusting_nobody()));
        let config = tls.map_or_else(nobody, CurrentClient::config);
        Self { http, config, names: names(tls.and_then(CurrentClient::name).cloned()), is_http2 }
    }

    fn current(&self) -> HttpsConnector<HttpConnector> {
        let mut config = self.config.load_full();
        if self.is_http2 {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec()];
        }
        over(self.http.clone(), config, Arc::clone(&self.names))
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = <HttpsConnector<HttpConnector> as Service<Uri>>::Error;
    type Future = <HttpsConnector<HttpConnector> as Service<Uri>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.http.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.current().call(uri)
    }
}

/// For plain HTTP.
pub(super) fn plain(http: HttpConnector) -> Connector {
    Connector::new(http, None, false)
}

/// For either scheme. The name, where there is one, is expected of every server.
#[cfg(feature = "identity-jwt")]
pub(crate) fn secure(
    http: HttpConnector,
    config: ClientConfig,
    name: Option<ServerName<'static>>,
) -> HttpsConnector<HttpConnector> {
    over(http, Arc::new(config), names(name))
}

fn over(
    mut http: HttpConnector,
    config: Arc<ClientConfig>,
    names: Arc<dyn ResolveServerName + Send + Sync>,
) -> HttpsConnector<HttpConnector> {
    http.enforce_http(false);
    HttpsConnector::new(http, config, false, names)
}

fn names(name: Option<ServerName<'static>>) -> Arc<dyn ResolveServerName + Send + Sync> {
    match name {
        None => Arc::new(DefaultServerNameResolver::default()),
        Some(name) => Arc::new(FixedServerNameResolver::new(name)),
    }
}

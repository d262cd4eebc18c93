//! Connections to endpoints, with TLS where an address asks for it.

use std::sync::Arc;

use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};

use crate::tls::ClientTls;

pub(crate) type Connector = HttpsConnector<HttpConnector>;

/// For plain HTTP.
pub(super) fn plain(http: HttpConnector) -> Connector {
    secure(http, ClientTls::trusting_nobody(), None)
}

/// For either scheme. The name, where there is one, is expected of every endpoint.
pub(crate) fn secure(
    mut http: HttpConnector,
    config: ClientConfig,
    name: Option<ServerName<'static>>,
) -> Connector {
    http.enforce_http(false);
    let names: Arc<dyn ResolveServerName + Send + Sync> = match name {
        None => Arc::new(DefaultServerNameResolver::default()),
        Some(name) => Arc::new(FixedServerNameResolver::new(name)),
    };
    HttpsConnector::new(http, config, false, names)
}

use std::fmt;

use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};

use super::{
    ReverseProxy, connector,
    wire::{Wire, http_connector},
};
use crate::tls::{ClientTls, TlsError};

/// How a pool's endpoints are spoken to.
///
/// ```no_run
/// use hyper::body::Incoming;
/// use tenantry_tower::{
///     proxy::{ReverseProxy, Transport},
///     tls::ClientTls,
/// };
///
/// # fn main() -> Result<(), tenantry_tower::tls::TlsError> {
/// let transport = Transport::tls(&ClientTls::new().with_roots("ca.pem"))?.with_http2();
/// let proxy = ReverseProxy::<Incoming>::new().with_transport("api", &transport);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Transport {
    config: Option<ClientConfig>,
    name: Option<ServerName<'static>>,
    is_http2: bool,
}

impl Transport {
    /// HTTP/1.1 over plain TCP.
    #[must_use]
    pub const fn plain() -> Self {
        Self { config: None, name: None, is_http2: false }
    }

    /// HTTP/1.1, over TLS where an address says `https`. Files are read now.
    ///
    /// # Errors
    /// When a file cannot be used, or the system trusts nobody.
    pub fn tls(tls: &ClientTls) -> Result<Self, TlsError> {
        let (config, name) = tls.config()?;
        Ok(Self { config: Some(config), name, is_http2: false })
    }

    /// HTTP/2: agreed on by ALPN over TLS, and by prior knowledge over plain TCP (h2c), as gRPC wants it.
    ///
    /// A connection has one authority for whom it speaks, the endpoint's; what the client sent as its host is in `X-Forwarded-Host` and `Forwarded`.
    #[must_use]
    pub const fn with_http2(mut self) -> Self {
        self.is_http2 = true;
        self
    }

    /// Whether it speaks TLS where an address says `https`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.config.is_some()
    }

    /// How health checks of these endpoints speak TLS, which is as requests do: for [`HealthChecker::with_pool_tls`](crate::health::HealthChecker::with_pool_tls). `None`: it speaks none.
    #[cfg(feature = "health-tls")]
    #[must_use]
    pub fn checks(&self) -> Option<crate::health::PoolTls> {
        let tls = crate::health::PoolTls::new(self.config.clone()?);
        Some(match self.name.clone() {
            Some(name) => tls.with_server_name(name),
            None => tls,
        })
    }
}

impl<B> ReverseProxy<B>
where
    B: http_body::Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Speaks so to the endpoints of a pool. Default: [`Transport::plain`].
    #[must_use]
    pub fn with_transport(mut self, pool: impl Into<Box<str>>, transport: &Transport) -> Self {
        let is_secure = transport.is_secure();
        let mut config = transport.config.clone().unwrap_or_else(ClientTls::trusting_nobody);
        if transport.is_http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        let connector = connector::secure(http_connector(), config, transport.name.clone());
        self.insert(pool.into(), Wire::new(connector, is_secure, transport.is_http2));
        self
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("is_secure", &self.is_secure())
            .field("name", &self.name)
            .field("is_http2", &self.is_http2)
            .finish()
    }
}

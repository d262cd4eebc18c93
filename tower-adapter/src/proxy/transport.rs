use std::{fmt, sync::Arc};

#[cfg(feature = "health-tls")]
use tokio_rustls::rustls::ClientConfig;

use super::{
    ReverseProxy,
    connector::Connector,
    wire::{Wire, http_connector},
};
use crate::tls::{ClientTls, CurrentClient, TlsError};

/// How a pool's endpoints are spoken to. Clones are the same.
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
    tls: Option<Arc<CurrentClient>>,
    is_http2: bool,
}

impl Transport {
    /// HTTP/1.1 over plain TCP.
    #[must_use]
    pub const fn plain() -> Self {
        Self { tls: None, is_http2: false }
    }

    /// HTTP/1.1, over TLS where an address says `https`. Files are read now, and [again](Self::reload).
    ///
    /// # Errors
    /// When a file cannot be used, or the system trusts nobody.
    pub fn tls(tls: &ClientTls) -> Result<Self, TlsError> {
        Ok(Self { tls: Some(Arc::new(CurrentClient::read(tls)?)), is_http2: false })
    }

    /// Reads the files again, of roots and of the certificate that is shown; new connections are made by what is in them now. Whether that is anything new.
    ///
    /// # Errors
    /// The first file that cannot be used; then all stays as it was.
    pub fn reload(&self) -> Result<bool, TlsError> {
        self.tls.as_ref().map_or(Ok(false), |tls| tls.reload())
    }

    /// Whether there is anything to [read again](Self::reload).
    #[must_use]
    pub fn has_files(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_files())
    }

    /// HTTP/2: agreed on by ALPN over TLS, and by prior knowledge over plain TCP (h2c), as gRPC wants it.
    ///
    /// Requests share a connection, which has one authority for whom it speaks, the endpoint's; what the client sent as its host is in `X-Forwarded-Host` and `Forwarded`. A WebSocket has a connection of its own,
    /// and the authority that [`HostPolicy`](super::HostPolicy) says.
    #[must_use]
    pub const fn with_http2(mut self) -> Self {
        self.is_http2 = true;
        self
    }

    /// Whether it speaks TLS where an address says `https`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether it speaks HTTP/2.
    #[must_use]
    pub const fn is_http2(&self) -> bool {
        self.is_http2
    }

    /// How health checks of these endpoints speak TLS, which is as requests do: for [`HealthChecker::with_pool_tls`](crate::health::HealthChecker::with_pool_tls). `None`: it speaks none.
    #[cfg(feature = "health-tls")]
    #[must_use]
    pub fn checks(&self) -> Option<crate::health::PoolTls> {
        let current = self.tls.as_ref()?;
        let tls = crate::health::PoolTls::new(ClientConfig::clone(&current.config().load()));
        Some(match current.name().cloned() {
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
        let connector = Connector::new(http_connector(), transport.tls.as_deref(), transport.is_http2);
        let wire = if transport.is_http2 { Wire::over_http2 } else { Wire::over_http1 };
        self.insert(pool.into(), wire(connector, is_secure));
        self
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("tls", &self.tls).field("is_http2", &self.is_http2).finish()
    }
}

//! TLS for checks.

use std::{fmt, io, sync::Arc};

use tenantry::CheckFailure;
use tokio::{net::TcpStream, sync::OnceCell, task::spawn_blocking};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

use super::{CheckFailed, connection::Connection, question::Peer};

/// How the checks of one pool speak TLS ([`HealthChecker::with_pool_tls`](super::HealthChecker::with_pool_tls)).
#[derive(Clone)]
pub struct PoolTls {
    config: ClientConfig,
    name: Option<ServerName<'static>>,
}

impl PoolTls {
    /// With these settings: whom to trust, what to show. Which protocol is spoken within is for each check to say.
    #[must_use]
    pub const fn new(config: ClientConfig) -> Self {
        Self { config, name: None }
    }

    /// Asks for this name and expects it in the endpoint's certificate, unless the check names another one. Default: the host of the endpoint's address.
    #[must_use]
    pub fn with_server_name(mut self, name: ServerName<'static>) -> Self {
        self.name = Some(name);
        self
    }
}

impl fmt::Debug for PoolTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolTls").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Says how the checks of a pool speak TLS.
type ByPool = Arc<dyn Fn(&str) -> Option<PoolTls> + Send + Sync>;

/// How checks speak TLS. What the system trusts is read when the first check needs it.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<OnceCell<ClientConfig>>,
    by_pool: Option<ByPool>,
}

impl Tls {
    /// With what the system trusts.
    pub(super) fn system() -> Self {
        Self { config: Arc::default(), by_pool: None }
    }

    /// Trusts these roots, in place of the system's.
    pub(super) fn trust(&mut self, roots: RootCertStore) {
        self.use_config(trusting(roots));
    }

    /// For pools of which nothing else is said.
    pub(super) fn use_config(&mut self, config: ClientConfig) {
        self.config = Arc::new(OnceCell::new_with(Some(config)));
    }

    pub(super) fn ask_by_pool(&mut self, by_pool: ByPool) {
        self.by_pool = Some(by_pool);
    }

    /// Shakes hands, for a protocol if there is one to agree on.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        peer: Peer<'_>,
        protocol: Option<&[u8]>,
    ) -> Result<Box<dyn Connection>, CheckFailed> {
        let failed = |error: io::Error| CheckFailed::by(CheckFailure::Tls, &error);
        let PoolTls { mut config, name } = match self.by_pool.as_ref().and_then(|of| of(peer.pool)) {
            Some(tls) => tls,
            None => PoolTls::new(self.config.get_or_try_init(systems).await.map_err(failed)?.clone()),
        };
        let name = match (peer.name, name) {
            (None, Some(name)) => Ok(name),
            (said, _) => ServerName::try_from(said.unwrap_or(peer.host).to_owned()),
        };
        let name = name.map_err(|error| CheckFailed::by(CheckFailure::Tls, &error))?;
        config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        connected.map(|stream| Box::new(stream) as Box<dyn Connection>).map_err(failed)
    }
}

/// What the system trusts.
async fn systems() -> io::Result<ClientConfig> {
    let found = spawn_blocking(rustls_native_certs::load_native_certs).await.map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        return Err(io::Error::other(
            "the system has no certificates to trust: give some, HealthChecker::with_roots",
        ));
    }
    Ok(trusting(roots))
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("it has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

//! TLS for checks.

use std::{io, sync::Arc};

use tenantry::CheckFailure;
use tokio::{net::TcpStream, sync::OnceCell, task::spawn_blocking};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

use super::{CheckFailed, connection::Connection};

/// How checks speak TLS. What the system trusts is read when the first check needs it.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<OnceCell<ClientConfig>>,
}

impl From<ClientConfig> for Tls {
    fn from(config: ClientConfig) -> Self {
        Self { config: Arc::new(OnceCell::new_with(Some(config))) }
    }
}

impl From<RootCertStore> for Tls {
    fn from(roots: RootCertStore) -> Self {
        trusting(roots).into()
    }
}

impl Tls {
    /// With what the system trusts.
    pub(super) fn system() -> Self {
        Self { config: Arc::default() }
    }

    /// Shakes hands, for a protocol if there is one to agree on.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        name: &str,
        protocol: Option<&[u8]>,
    ) -> Result<Box<dyn Connection>, CheckFailed> {
        let failed = |error: io::Error| CheckFailed::by(CheckFailure::Tls, &error);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| CheckFailed::by(CheckFailure::Tls, &error))?;
        let mut config = self.config.get_or_try_init(systems).await.map_err(failed)?.clone();
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

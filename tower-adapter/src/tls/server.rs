use std::{path::PathBuf, sync::Arc};

use tokio_rustls::rustls::{
    ServerConfig, SupportedProtocolVersion,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};

use super::{Certificates, ClientVerifier, TlsError, files, provider};

/// How a server speaks TLS.
///
/// ```no_run
/// use tenantry_tower::tls::{CertificateFiles, Certificates, ServerTls};
///
/// # fn main() -> Result<(), tenantry_tower::tls::TlsError> {
/// let certificates = Certificates::read([CertificateFiles::new("a.pem", "a.key")])?;
/// let config = ServerTls::new(certificates.clone()).config()?; // for tokio_rustls::TlsAcceptor
/// certificates.reload()?; // when the files have changed
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServerTls {
    certificates: Certificates,
    oldest: TlsVersion,
    clients: Option<(PathBuf, ClientAuthentication)>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), in rustls' selection of it: forward secrecy and authenticated encryption only.
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// Without one there is no connection.
    #[default]
    Required,
    /// A client may have none; what it shows must be valid.
    Optional,
}

impl ServerTls {
    /// Shows these, from TLS 1.2 on, and asks clients for nothing.
    #[must_use]
    pub const fn new(certificates: Certificates) -> Self {
        Self { certificates, oldest: TlsVersion::Tls12, clients: None }
    }

    /// The oldest version that is spoken. Default: 1.2.
    #[must_use]
    pub const fn with_oldest_version(mut self, version: TlsVersion) -> Self {
        self.oldest = version;
        self
    }

    /// Verifies clients' certificates against the roots in this PEM file.
    #[must_use]
    pub fn with_client_roots(mut self, file: impl Into<PathBuf>, clients: ClientAuthentication) -> Self {
        self.clients = Some((file.into(), clients));
        self
    }

    /// rustls' configuration: HTTP/2 and HTTP/1.1 by ALPN.
    ///
    /// # Errors
    /// When the file of roots cannot be used.
    pub fn config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        self.config_for(self.verifier()?.map(ClientVerifier).as_ref())
    }

    pub(super) fn config_for(&self, clients: Option<&ClientVerifier>) -> Result<Arc<ServerConfig>, TlsError> {
        let versions: &[&SupportedProtocolVersion] = match self.oldest {
            TlsVersion::Tls12 => &[&TLS13, &TLS12],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).map_err(TlsError::unusable)?;
        let builder = match clients {
            Some(ClientVerifier(verifier)) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(self.certificates.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    pub(super) const fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// What is in the file of roots, where there is one.
    pub(super) fn roots_content(&self) -> Result<Option<Vec<u8>>, TlsError> {
        self.clients.as_ref().map(|(file, _)| files::content(file)).transpose()
    }

    pub(super) fn verifier(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        let Some((file, clients)) = &self.clients else { return Ok(None) };
        let roots = Arc::new(files::roots(file)?);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        let builder = match clients {
            ClientAuthentication::Required => builder,
            ClientAuthentication::Optional => builder.allow_unauthenticated(),
        };
        builder.build().map(Some).map_err(|error| files::problem(file, error.to_string()))
    }
}

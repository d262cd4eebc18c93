use std::path::{Path, PathBuf};

use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{CertificateFiles, TlsError, files, provider};

/// How endpoints are spoken to by TLS: verified against what the system trusts, unless told otherwise.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    roots: Option<PathBuf>,
    shown: Option<CertificateFiles>,
    name: Option<String>,
    is_unverified: bool,
}

impl ClientTls {
    /// Verifies endpoints by the system's roots and their own names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the roots in this PEM file, and those only.
    #[must_use]
    pub fn with_roots(mut self, file: impl Into<PathBuf>) -> Self {
        self.roots = Some(file.into());
        self
    }

    /// Shows this certificate to endpoints that ask for one.
    #[must_use]
    pub fn with_certificate(mut self, files: CertificateFiles) -> Self {
        self.shown = Some(files);
        self
    }

    /// Asks for this name (SNI) and expects it in the endpoint's certificate. Default: the host of the endpoint's address.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Takes whatever certificate an endpoint shows. The connection is then secret from who listens, but not from who stands between.
    #[must_use]
    pub const fn without_verification(mut self) -> Self {
        self.is_unverified = true;
        self
    }

    /// rustls' configuration, without ALPN, and the name to ask for where it is not the endpoint's.
    pub(crate) fn config(&self) -> Result<(ClientConfig, Option<ServerName<'static>>), TlsError> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::unusable)?;
        let builder = if self.is_unverified {
            builder.dangerous().with_custom_certificate_verifier(Unverified::new())
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        let config = match &self.shown {
            None => builder.with_no_client_auth(),
            Some(shown) => builder
                .with_client_auth_cert(files::chain(shown.certificate())?, files::key(shown.key())?)
                .map_err(|error| files::problem(shown.key(), error.to_string()))?,
        };
        let name = self.name.clone().map(ServerName::try_from).transpose().map_err(TlsError::unusable)?;
        Ok((config, name))
    }

    /// The files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let shown = self.shown.iter().flat_map(|shown| [shown.certificate(), shown.key()]);
        self.roots.as_deref().into_iter().chain(shown)
    }

    /// What is in them.
    pub(super) fn contents(&self) -> Result<Vec<Vec<u8>>, TlsError> {
        self.files().map(files::content).collect()
    }

    /// Of no use for any endpoint.
    pub(crate) fn trusting_nobody() -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.expect("it has the default versions");
        builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        match &self.roots {
            Some(file) => files::roots(file),
            None => system_roots(),
        }
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 { Err(TlsError::NoRoots) } else { Ok(roots) }
}

/// Believes every certificate; that its holder has the key is verified all the same.
#[derive(Debug)]
struct Unverified(std::sync::Arc<CryptoProvider>);

impl Unverified {
    fn new() -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self(provider()))
    }
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, tokio_rustls::rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

use std::{
    error, fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

/// The verified certificate of the client at the other end of the connection; cloning it copies a pointer.
///
/// Parse it once per connection, and put a clone into the extensions of each request.
#[derive(Clone, Debug)]
pub struct PeerCertificate {
    pub(super) names: Arc<Names>,
}

#[derive(Debug)]
pub(super) struct Names {
    pub(super) dns: Vec<String>,
    pub(super) uris: Vec<String>,
    pub(super) common: Vec<String>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl PeerCertificate {
    /// Reads the first certificate of the chain, as `rustls` has it in `peer_certificates()`.
    ///
    /// # Errors
    /// When it is not DER of an X.509 certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateError)?;
        if !rest.is_empty() {
            return Err(CertificateError);
        }
        let (mut dns, mut uris) = (Vec::new(), Vec::new());
        let alternative = certificate.subject_alternative_name().map_err(|_| CertificateError)?;
        for name in alternative.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => dns.push(name.to_ascii_lowercase()),
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                _ => {}
            }
        }
        let common = certificate.subject().iter_common_name();
        let common = common.filter_map(|name| name.as_str().ok()).map(ToOwned::to_owned).collect();
        let validity = certificate.validity();
        let (not_before, not_after) =
            (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
        Ok(Self { names: Arc::new(Names { dns, uris, common, not_before, not_after }) })
    }
}

/// Times before 1970 are 1970 here.
fn time(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// What was read is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateError;

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are no X.509 certificate in DER")
    }
}

impl error::Error for CertificateError {}

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use tokio_rustls::rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use super::{TlsError, files, provider};

/// The certificates that a server shows, each from two files. Clones are the same certificates.
///
/// The name that a client asks for (SNI) picks the certificate that has it among its own names, the exact one before a wildcard; the first of the list
/// serves who asks for none of them, as nginx's default server does.
///
/// Reading them again swaps all of them at once. Connections that are there are not touched: they keep what they were shown.
#[derive(Clone)]
pub struct Certificates {
    files: Arc<[CertificateFiles]>,
    shown: Arc<ArcSwap<Shown>>,
}

/// Where a certificate and its key are, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
}

struct Shown {
    first: Arc<CertifiedKey>,
    /// In lower case, a wildcard as `*.example.com`.
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl CertificateFiles {
    /// The certificate with its chain, its own first, and its key.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into() }
    }

    /// The certificate's file.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The key's file.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.key
    }
}

impl Certificates {
    /// Reads them.
    ///
    /// # Errors
    /// When there is none, or the first file that cannot be used.
    pub fn read(files: impl IntoIterator<Item = CertificateFiles>) -> Result<Self, TlsError> {
        let files: Arc<[_]> = files.into_iter().collect();
        let shown = Shown::read(&files)?;
        Ok(Self { files, shown: Arc::new(ArcSwap::from_pointee(shown)) })
    }

    /// Reads the files again; new connections see what is in them now. Whether that is anything new.
    ///
    /// # Errors
    /// The first file that cannot be used; then all stays as it was.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let new = Shown::read(&self.files)?;
        let is_new = !new.is_same_as(&self.shown.load());
        if is_new {
            self.shown.store(Arc::new(new));
        }
        Ok(is_new)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.load().named(hello.server_name()))
    }
}

impl Shown {
    fn read(files: &[CertificateFiles]) -> Result<Self, TlsError> {
        let mut by_name = HashMap::new();
        let mut first = None;
        for pair in files {
            let (certified, names) = certified(pair)?;
            first.get_or_insert_with(|| Arc::clone(&certified));
            for name in names {
                // The first that has a name keeps it.
                by_name.entry(name).or_insert_with(|| Arc::clone(&certified));
            }
        }
        Ok(Self { first: first.ok_or(TlsError::NoCertificate)?, by_name })
    }

    fn named(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        let name = name.map(str::to_ascii_lowercase);
        let exact = name.as_ref().and_then(|name| self.by_name.get(name));
        let wildcard = || self.by_name.get(&format!("*.{}", name.as_ref()?.split_once('.')?.1));
        Arc::clone(exact.or_else(wildcard).unwrap_or(&self.first))
    }

    fn is_same_as(&self, other: &Self) -> bool {
        let chain_of = |name| other.by_name.get(name).map(|key| &key.cert);
        self.first.cert == other.first.cert
            && self.by_name.len() == other.by_name.len()
            && self.by_name.iter().all(|(name, key)| chain_of(name) == Some(&key.cert))
    }
}

/// A certificate that fits its key, and its names.
fn certified(pair: &CertificateFiles) -> Result<(Arc<CertifiedKey>, Vec<String>), TlsError> {
    let chain = files::chain(&pair.certificate)?;
    let names = names(&chain[0])
        .ok_or_else(|| files::problem(&pair.certificate, "its first certificate cannot be read as X.509"))?;
    let certified = CertifiedKey::from_der(chain, files::key(&pair.key)?, &provider());
    let certified = certified.map_err(|error| {
        let problem = format!("it must be the key of {}: {error}", pair.certificate.display());
        files::problem(&pair.key, problem)
    })?;
    Ok((Arc::new(certified), names))
}

/// The DNS names that it has.
fn names(der: &[u8]) -> Option<Vec<String>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let alternative = certificate.subject_alternative_name().ok()?;
    let names = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let dns = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Some(dns.collect())
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

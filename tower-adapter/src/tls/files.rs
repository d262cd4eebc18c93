//! PEM files.

use std::{fs, path::Path};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use super::TlsError;

/// A certificate and those that lead to its root, its own first.
pub(super) fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| wrong(file, &error))?;
    if chain.is_empty() {
        return Err(missing(file, "certificate: -----BEGIN CERTIFICATE-----"));
    }
    Ok(chain)
}

/// A private key in PKCS #8, PKCS #1 or SEC 1.
pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| match error {
        pem::Error::NoItemsFound => missing(file, "private key: -----BEGIN PRIVATE KEY-----"),
        // Nothing of what is in it: it is a secret.
        pem::Error::Io(error) => problem(file, format!("name a file that can be read: {error}")),
        _ => problem(file, "it is not PEM"),
    })
}

/// Certificates to trust.
pub(super) fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(file)? {
        roots.add(certificate).map_err(|error| problem(file, format!("it holds no root: {error}")))?;
    }
    Ok(roots)
}

/// Whatever is in it.
pub(super) fn content(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| problem(file, format!("name a file that can be read: {error}")))
}

pub(super) fn problem(file: &Path, problem: impl Into<String>) -> TlsError {
    TlsError::File { file: file.to_owned(), problem: problem.into() }
}

fn missing(file: &Path, what: &str) -> TlsError {
    problem(file, format!("it holds no {what}"))
}

fn wrong(file: &Path, error: &pem::Error) -> TlsError {
    match error {
        pem::Error::Io(error) => problem(file, format!("name a file that can be read: {error}")),
        // Somebody is writing it, perhaps.
        pem::Error::MissingSectionEnd { .. } => problem(file, "it breaks off in the middle"),
        error => problem(file, format!("it is not PEM: {error}")),
    }
}

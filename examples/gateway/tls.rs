//! `tls`: what the gateway shows to clients, and what it asks them for.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_tower::tls::{
    CertificateFiles, Certificates, ClientAuthentication, ClientVerifier, CurrentServer, ServerTls,
    TlsVersion,
};
use tokio_rustls::TlsAcceptor;

use crate::{rereading::reread, unfit::Unfit};

/// `{ certificates = [{ certificate = "a.pem", key = "a.key" }], min_version = "1.2", client_ca = "ca.pem", client_certificate = "required" }`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsTable {
    certificates: Vec<Pair>,
    #[serde(default)]
    min_version: Version,
    client_ca: Option<PathBuf>,
    client_certificate: Option<Clients>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
enum Version {
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Clients {
    #[default]
    Required,
    Optional,
}

/// TLS as the gateway speaks it. Clones show the same certificates.
#[derive(Clone, Debug)]
pub struct Secure {
    server: CurrentServer,
}

impl TlsTable {
    /// `folder` is where files are that are named without one.
    pub(crate) fn secure(&self, folder: &Path) -> Result<Secure, Unfit> {
        let unfit = |field: &str, error| Unfit::hidden(format!("gateway.tls.{field}"), error);
        let files = self.certificates.iter();
        let files =
            files.map(|pair| CertificateFiles::new(folder.join(&pair.certificate), folder.join(&pair.key)));
        let certificates = Certificates::read(files).map_err(|error| unfit("certificates", error))?;
        let version = match self.min_version {
            Version::Tls12 => TlsVersion::Tls12,
            Version::Tls13 => TlsVersion::Tls13,
        };
        let mut server = ServerTls::new(certificates).with_oldest_version(version);
        match (&self.client_ca, self.client_certificate) {
            (Some(file), clients) => {
                let clients = match clients.unwrap_or_default() {
                    Clients::Required => ClientAuthentication::Required,
                    Clients::Optional => ClientAuthentication::Optional,
                };
                server = server.with_client_roots(folder.join(file), clients);
            }
            (None, None) => {}
            (None, Some(_)) => {
                let fix = "name the roots that clients' certificates lead to: client_ca = \"ca.pem\"";
                return Err(Unfit::hidden("gateway.tls.client_certificate", fix));
            }
        }
        let server = CurrentServer::read(server).map_err(|error| unfit("client_ca", error))?;
        Ok(Secure { server })
    }

    /// The same with what is asked of clients, where they are.
    pub(crate) fn with_defaults(&self) -> Self {
        let clients = self.client_certificate.unwrap_or_default();
        Self { client_certificate: self.verifies_clients().then_some(clients), ..self.clone() }
    }

    pub(crate) const fn verifies_clients(&self) -> bool {
        self.client_ca.is_some()
    }
}

impl Secure {
    /// What to accept a connection by, and who verifies its client.
    pub(crate) fn acceptor(&self) -> (TlsAcceptor, Option<ClientVerifier>) {
        let (config, clients) = self.server.config();
        (TlsAcceptor::from(config), clients)
    }

    /// Who verifies clients now, if anybody does.
    pub(crate) fn clients(&self) -> Option<ClientVerifier> {
        self.server.clients()
    }

    /// Reads the files as often as this, for as long as it is polled, and tells what came of it: what is new, or why it cannot be used.
    pub async fn watch(self, every: Duration, tell: impl Fn(&str) + Send) {
        reread("gateway.tls".to_owned(), move || self.server.reload(), every, tell).await;
    }
}

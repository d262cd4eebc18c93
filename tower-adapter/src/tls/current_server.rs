use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use tokio_rustls::rustls::{
    ServerConfig,
    pki_types::{CertificateDer, UnixTime},
    server::danger::ClientCertVerifier,
};

use super::{ServerTls, TlsError};

/// A [`ServerTls`] as its files are now: what it shows, and the roots that it verifies clients by. Clones are the same.
///
/// Connections that are there keep what they were shown, and sessions that were begun with other roots are not taken up again. Whether a client that has shown its certificate a while ago would still
/// get in, its [`ClientVerifier`] says.
#[derive(Clone)]
pub struct CurrentServer {
    tls: ServerTls,
    now: Arc<ArcSwap<Now>>,
    /// What the file of roots held when it was used last.
    used: Arc<Mutex<Option<Vec<u8>>>>,
}

struct Now {
    config: Arc<ServerConfig>,
    clients: Option<ClientVerifier>,
}

/// Says which clients get in. Clones are the same.
#[derive(Clone)]
pub struct ClientVerifier(pub(super) Arc<dyn ClientCertVerifier>);

impl CurrentServer {
    /// Reads the file of roots, where there is one.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn read(tls: ServerTls) -> Result<Self, TlsError> {
        // In this order: what changes in between is seen by the next reading.
        let used = tls.roots_content()?;
        let now = Arc::new(ArcSwap::from_pointee(Now::read(&tls)?));
        Ok(Self { tls, now, used: Arc::new(Mutex::new(used)) })
    }

    /// Reads certificates and roots again. Whether there is anything new in them.
    ///
    /// # Errors
    /// The first file that cannot be used; of certificates and roots, those stay as they were to which it belongs.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let (shown, roots) = (self.tls.certificates().reload(), self.reload_roots());
        Ok(shown? | roots?)
    }

    fn reload_roots(&self) -> Result<bool, TlsError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let content = self.tls.roots_content()?;
        if *used == content {
            return Ok(false);
        }
        self.now.store(Arc::new(Now::read(&self.tls)?));
        *used = content;
        Ok(true)
    }

    /// What to accept a connection by, and who verifies its client.
    #[must_use]
    pub fn config(&self) -> (Arc<ServerConfig>, Option<ClientVerifier>) {
        let now = self.now.load();
        (Arc::clone(&now.config), now.clients.clone())
    }

    /// Who verifies clients now, if anybody does.
    #[must_use]
    pub fn clients(&self) -> Option<ClientVerifier> {
        self.now.load().clients.clone()
    }
}

impl Now {
    fn read(tls: &ServerTls) -> Result<Self, TlsError> {
        let clients = tls.verifier()?.map(ClientVerifier);
        let config = tls.config_for(clients.as_ref())?;
        Ok(Self { config, clients })
    }
}

impl ClientVerifier {
    /// Whether a client gets in that has shown this chain, its own certificate first, or none.
    #[must_use]
    pub fn takes(&self, chain: &[CertificateDer<'_>]) -> bool {
        match chain.split_first() {
            Some((own, others)) => self.0.verify_client_cert(own, others, UnixTime::now()).is_ok(),
            None => !self.0.client_auth_mandatory(),
        }
    }

    /// Whether both are the same: then they say the same, but for what time changes.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for CurrentServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentServer").field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientVerifier").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;
    use crate::tls::{CertificateFiles, Certificates, ClientAuthentication};

    #[test]
    fn other_roots_are_another_verifier_and_what_cannot_be_used_changes_nothing() {
        let folder = env::temp_dir().join(format!("tenantry-current-server-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [shown, key, roots] = ["a.pem", "a.key", "roots.pem"].map(|name| folder.join(name));
        let [own, other] = ["a.test", "b.test"].map(|name| {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(vec![name.to_owned()]).unwrap();
            (cert.pem(), signing_key.serialize_pem())
        });
        fs::write(&shown, &own.0).unwrap();
        fs::write(&key, &own.1).unwrap();
        fs::write(&roots, &own.0).unwrap();
        let server = ServerTls::new(Certificates::read([CertificateFiles::new(&shown, &key)]).unwrap());
        let clients = |server: &CurrentServer| server.clients().unwrap();

        let optional = server.clone().with_client_roots(&roots, ClientAuthentication::Optional);
        assert!(clients(&CurrentServer::read(optional).unwrap()).takes(&[]), "it may show none");
        let server = server.with_client_roots(&roots, ClientAuthentication::Required);
        let current = CurrentServer::read(server).unwrap();
        let before = clients(&current);
        assert!(!before.takes(&[]));
        assert_eq!(current.reload(), Ok(false));
        assert!(clients(&current).is_same_as(&before));

        fs::write(&roots, "nonsense").unwrap();
        // A new certificate counts beside it.
        fs::write(&shown, &other.0).unwrap();
        fs::write(&key, &other.1).unwrap();
        assert!(matches!(current.reload(), Err(TlsError::File { file, .. }) if file == roots));
        assert!(clients(&current).is_same_as(&before));

        fs::write(&roots, &other.0).unwrap();
        assert_eq!(current.reload(), Ok(true));
        assert!(!clients(&current).is_same_as(&before));
        assert!(clients(&current).is_same_as(&current.config().1.unwrap()));
        assert_eq!(current.reload(), Ok(false), "the certificate is in force already");
        // What cannot be removed stays in the folder for temporary files, where the system clears it.
        fs::remove_dir_all(&folder).ok();
    }
}

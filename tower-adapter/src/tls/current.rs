use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};

use super::{ClientTls, TlsError};

/// A [`ClientTls`] as its files are now. A new configuration has a new memory of sessions: none that was begun with other roots or another certificate is taken up again.
pub(crate) struct CurrentClient {
    tls: ClientTls,
    name: Option<ServerName<'static>>,
    config: Arc<ArcSwap<ClientConfig>>,
    /// Of what the files held when they were used last: keys are not kept twice.
    used: Mutex<u64>,
    fingerprints: RandomState,
}

impl CurrentClient {
    /// Reads the files.
    pub(crate) fn read(tls: &ClientTls) -> Result<Self, TlsError> {
        // In this order: what changes in between is seen by the next reading.
        let fingerprints = RandomState::new();
        let used = fingerprints.hash_one(tls.contents()?);
        let (config, name) = tls.config()?;
        let config = Arc::new(ArcSwap::from_pointee(config));
        Ok(Self { tls: tls.clone(), name, config, used: Mutex::new(used), fingerprints })
    }

    /// Reads them again. Whether there is anything new in them; what cannot be used changes nothing.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.fingerprints.hash_one(self.tls.contents()?);
        if *used == now {
            return Ok(false);
        }
        let (config, _) = self.tls.config()?;
        self.config.store(Arc::new(config));
        *used = now;
        Ok(true)
    }

    pub(crate) fn has_files(&self) -> bool {
        self.tls.files().next().is_some()
    }

    /// Which follows what is read.
    pub(crate) fn config(&self) -> Arc<ArcSwap<ClientConfig>> {
        Arc::clone(&self.config)
    }

    /// What endpoints are asked for, where it is not their own name.
    pub(crate) const fn name(&self) -> Option<&ServerName<'static>> {
        self.name.as_ref()
    }
}

impl fmt::Debug for CurrentClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentClient").field("tls", &self.tls).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;
    use crate::tls::CertificateFiles;

    #[test]
    fn what_is_new_counts_as_a_whole_and_what_cannot_be_used_not_at_all() {
        let folder = env::temp_dir().join(format!("tenantry-current-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (certificate, key) = (folder.join("a.pem"), folder.join("a.key"));
        let pair = || {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(vec!["a.test".to_owned()]).unwrap();
            (cert.pem(), signing_key.serialize_pem())
        };
        let (first, second) = (pair(), pair());
        fs::write(&certificate, &first.0).unwrap();
        fs::write(&key, &first.1).unwrap();
        let tls = ClientTls::new().with_roots(&certificate);
        let current = CurrentClient::read(&tls.with_certificate(CertificateFiles::new(&certificate, &key)));
        let current = current.unwrap();
        let config = current.config();
        let before = config.load_full();
        assert_eq!(current.reload(), Ok(false));
        fs::write(&certificate, &second.0).unwrap();
        // It is not the key's.
        assert!(matches!(current.reload(), Err(TlsError::File { file, .. }) if file == key));
        fs::remove_file(&certificate).unwrap();
        assert!(matches!(current.reload(), Err(TlsError::File { file, .. }) if file == certificate));
        assert!(Arc::ptr_eq(&before, &config.load_full()));
        fs::write(&certificate, &second.0).unwrap();
        fs::write(&key, &second.1).unwrap();
        assert_eq!(current.reload(), Ok(true));
        assert!(!Arc::ptr_eq(&before, &config.load_full()));
        assert_eq!(current.reload(), Ok(false));
        // What cannot be removed stays in the folder for temporary files, where the system clears it.
        fs::remove_dir_all(&folder).ok();
    }
}

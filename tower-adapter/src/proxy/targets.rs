use std::{
    collections::HashMap,
    mem,
    sync::{Arc, PoisonError, RwLock},
};

use foldhash::fast::RandomState;
use http::{
    Uri,
    uri::{Authority, Scheme},
};

use super::{Error, address, kept::Kept, line::Line};

/// Endpoints by their addresses, each of which is read once.
pub(super) struct Targets<B> {
    known: RwLock<HashMap<Box<str>, Arc<Target<B>>, RandomState>>,
}

/// An endpoint, as its address names it.
pub(super) struct Target<B> {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Of HTTP/1.1.
    pub(super) kept: Kept<B>,
    /// Of HTTP/2.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "HTTP/2 comes with TLS"))]
    pub(super) line: Line<B>,
}

impl<B> Targets<B> {
    /// What this address says.
    ///
    /// # Errors
    /// [`Error::Address`] where it cannot be dialled.
    pub(super) fn of(&self, address: &str) -> Result<Arc<Target<B>>, Error> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(address).cloned();
        known.map_or_else(|| self.learn(address), Ok)
    }

    #[cold]
    fn learn(&self, address: &str) -> Result<Arc<Target<B>>, Error> {
        let (scheme, authority) = address::endpoint(address)?;
        // Its connections end once nobody waits for the lock.
        let _forgotten;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            // Endpoints come and go; who is still there is read once more.
            _forgotten = mem::take(&mut *known);
        }
        let target = Target { scheme, authority, kept: Kept::default(), line: Line::default() };
        Ok(Arc::clone(known.entry(address.into()).or_insert_with(|| Arc::new(target))))
    }

    /// Everybody.
    pub(super) fn all(&self) -> Vec<Arc<Target<B>>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl<B> Target<B> {
    pub(super) fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Where a connection to it goes.
    pub(super) fn uri(&self) -> Uri {
        self.absolute(Uri::from_static("/"))
    }

    /// The same path and query, at this endpoint.
    pub(super) fn absolute(&self, uri: Uri) -> Uri {
        address::target(uri, (self.scheme.clone(), self.authority.clone()))
    }
}

impl<B> Default for Targets<B> {
    fn default() -> Self {
        Self { known: RwLock::default() }
    }
}

const MOST: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_alike_each_time_and_their_number_is_bounded() {
        let targets = Targets::<()>::default();
        for _ in 0..2 {
            let target = targets.of("https://a:1").unwrap();
            assert_eq!((target.is_secure(), target.uri().to_string().as_str()), (true, "https://a:1/"));
            assert!(matches!(targets.of("ftp://a:1"), Err(Error::Address { .. })));
        }
        for port in 0..=MOST {
            targets.of(&format!("a:{port}")).unwrap();
        }
        assert!(targets.all().len() <= MOST);
        assert_eq!(targets.of("a:1").unwrap().authority, "a:1");
    }
}

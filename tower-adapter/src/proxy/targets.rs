use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use foldhash::fast::RandomState;
use http::uri::{Authority, Scheme};

use super::{Error, address};

/// Endpoints' addresses, each read once.
#[derive(Debug, Default)]
pub(super) struct Targets {
    known: RwLock<HashMap<Box<str>, Target, RandomState>>,
}

type Target = (Scheme, Authority);

impl Targets {
    /// What this address says.
    ///
    /// # Errors
    /// [`Error::Address`] where it cannot be dialled.
    pub(super) fn of(&self, address: &str) -> Result<Target, Error> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(address).cloned();
        known.map_or_else(|| self.learn(address), Ok)
    }

    #[cold]
    fn learn(&self, address: &str) -> Result<Target, Error> {
        let target = address::endpoint(address)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            // Endpoints come and go; who is still there is read once more.
            known.clear();
        }
        known.insert(address.into(), target.clone());
        Ok(target)
    }
}

const MOST: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_alike_each_time_and_their_number_is_bounded() {
        let targets = Targets::default();
        for _ in 0..2 {
            let (scheme, authority) = targets.of("https://a:1").unwrap();
            assert_eq!((scheme, authority.as_str()), (Scheme::HTTPS, "a:1"));
            assert!(matches!(targets.of("ftp://a:1"), Err(Error::Address { .. })));
        }
        for port in 0..=MOST {
            targets.of(&format!("a:{port}")).unwrap();
        }
        assert!(targets.known.read().unwrap().len() <= MOST);
        assert_eq!(targets.of("a:1").unwrap().1, "a:1");
    }
}

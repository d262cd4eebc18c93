use std::{fmt, sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use http::request::Parts;

use super::KeySet;
use crate::identity::{Authenticate, Credential, Decision, Refusal};

/// Checks API keys. Clones share their keys, which can be [replaced](Self::replace) while requests come.
///
/// ```
/// use http::Request;
/// use tenantry_tower::identity::{
///     Authenticate, Credential, Decision,
///     key::{ApiKeys, KeyHash, KeySet, KeySpec},
/// };
///
/// let keys = ApiKeys::new(Credential::bearer(), KeySet::new([KeySpec::new("acme", KeyHash::of("k1"))], None)?);
/// let decided = |key: &str| {
///     let request = Request::get("/").header("authorization", format!("Bearer {key}"));
///     match keys.authenticate(&mut request.body(()).unwrap().into_parts().0) {
///         Decision::Now(decided) => decided,
///         _ => unreachable!("keys are at hand"),
///     }
/// };
/// assert_eq!(decided("k1").unwrap().tenant().as_str(), "acme");
/// keys.replace(KeySet::new([KeySpec::new("acme", KeyHash::of("k2"))], None)?);
/// assert!(decided("k1").is_err() && decided("k2").is_ok());
/// # Ok::<(), tenantry_tower::identity::key::KeySetError>(())
/// ```
#[derive(Clone)]
pub struct ApiKeys {
    credential: Credential,
    keys: Arc<ArcSwap<KeySet>>,
    now: fn() -> SystemTime,
}

impl ApiKeys {
    /// These keys, looked for there.
    #[must_use]
    pub fn new(credential: Credential, keys: KeySet) -> Self {
        Self { credential, keys: Arc::new(ArcSwap::from_pointee(keys)), now: SystemTime::now }
    }

    /// Reads this clock. Default: the system's.
    #[must_use]
    pub const fn with_clock(mut self, now: fn() -> SystemTime) -> Self {
        self.now = now;
        self
    }

    /// Where they are looked for.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// From now on these keys count, and no others.
    pub fn replace(&self, keys: KeySet) {
        self.keys.store(Arc::new(keys));
    }
}

impl Authenticate for ApiKeys {
    fn authenticate(&self, request: &mut Parts) -> Decision {
        let found = self.credential.take(request).and_then(|secret| {
            let found = self.keys.load().find(secret.as_str(), (self.now)()).cloned();
            found.map_err(|fault| Refusal::Invalid(self.credential.scheme(), fault))
        });
        found.into()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("credential", &self.credential)
            .field("keys", &self.keys.load())
            .finish_non_exhaustive()
    }
}

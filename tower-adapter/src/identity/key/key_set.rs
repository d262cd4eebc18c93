use std::{collections::HashMap, error, fmt, time::SystemTime};

use subtle::ConstantTimeEq;

use super::{KeyHash, KeySpec, Pepper, hash::HALF};
use crate::{
    identity::{Fault, Identity, Scheme},
    tenant::TenantId,
};

/// All keys that count, and how they are hashed.
pub struct KeySet {
    entries: HashMap<[u8; HALF], Entry>,
    decoy: Entry,
    pepper: Option<Pepper>,
}

/// Two keys of a set have the same hash: they are one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetError {
    index: usize,
    tenants: [TenantId; 2],
}

struct Entry {
    proof: [u8; HALF],
    identity: Identity,
    not_before: Option<SystemTime>,
    expires: Option<SystemTime>,
}

impl KeySet {
    /// These keys, hashed with a pepper if there is one.
    ///
    /// # Errors
    /// When a hash is there twice: a key would belong to two tenants, or have two times.
    pub fn new(keys: impl IntoIterator<Item = KeySpec>, pepper: Option<Pepper>) -> Result<Self, KeySetError> {
        let nobody = Entry::from(KeySpec::new("", KeyHash::of("")));
        let mut set = Self { entries: HashMap::new(), decoy: nobody, pepper };
        for (index, key) in keys.into_iter().enumerate() {
            let (handle, tenant) = (key.hash.handle, key.tenant.clone());
            if let Some(earlier) = set.entries.insert(handle, Entry::from(key)) {
                return Err(KeySetError { index, tenants: [earlier.identity.tenant().clone(), tenant] });
            }
        }
        Ok(set)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none: then nobody comes in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whose key it is.
    pub(super) fn find(&self, key: &str, now: SystemTime) -> Result<&Identity, Fault> {
        let hash = match &self.pepper {
            Some(pepper) => KeyHash::peppered(key, pepper),
            None => KeyHash::of(key),
        };
        let (entry, is_known) = self.candidate(&hash);
        // Not `&&`: a miss compares as a hit does.
        if !(bool::from(entry.proof.ct_eq(&hash.proof)) & is_known) {
            return Err(Fault::NoSuchKey);
        }
        // Only who holds the key learns that it has a time.
        match entry {
            Entry { not_before: Some(time), .. } if now < *time => Err(Fault::NotYetValid),
            Entry { expires: Some(time), .. } if now >= *time => Err(Fault::Expired),
            entry => Ok(&entry.identity),
        }
    }

    /// What to compare with, there always is something.
    fn candidate(&self, hash: &KeyHash) -> (&Entry, bool) {
        self.entries.get(&hash.handle).map_or((&self.decoy, false), |entry| (entry, true))
    }
}

impl From<KeySpec> for Entry {
    fn from(key: KeySpec) -> Self {
        let KeySpec { tenant, hash, name, scopes, not_before, expires } = key;
        let identity = Identity::new(tenant, Scheme::ApiKey).with_scopes(scopes);
        let identity = match name {
            Some(name) => identity.with_subject(name),
            None => identity,
        };
        Self { proof: hash.proof, identity, not_before, expires }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("len", &self.len()).field("pepper", &self.pepper).finish()
    }
}

impl KeySetError {
    /// Which of the keys is the second of the two, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.tenants;
        write!(f, "the same key is there for {first:?} and for {second:?}: give each entry a key of its own")
    }
}

impl error::Error for KeySetError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn spec(tenant: &'static str, key: &str) -> KeySpec {
        KeySpec::new(tenant, KeyHash::of(key))
    }

    #[test]
    fn a_miss_compares_as_much_as_a_hit() {
        let set = KeySet::new([spec("acme", "k1")], None).unwrap();
        let (hit, is_hit) = set.candidate(&KeyHash::of("k1"));
        let (miss, is_miss) = set.candidate(&KeyHash::of("k2"));
        assert!(is_hit && !is_miss);
        assert_eq!(hit.proof.len(), miss.proof.len());
    }

    #[test]
    fn half_a_hash_proves_nothing_and_neither_does_the_decoys_key() {
        let mut forged = KeyHash::of("k1");
        forged.proof[HALF - 1] ^= 1;
        let set = KeySet::new([KeySpec::new("acme", forged)], None).unwrap();
        assert_eq!(set.find("k1", NOW).unwrap_err(), Fault::NoSuchKey);
        assert_eq!(set.find("", NOW).unwrap_err(), Fault::NoSuchKey);
    }

    #[test]
    fn two_keys_of_a_tenant_count_while_one_goes_and_the_other_comes() {
        let (early, late) = (NOW + Duration::from_secs(10), NOW + Duration::from_secs(20));
        let keys = [spec("acme", "old").with_expiry(late), spec("acme", "new").with_not_before(early)];
        let set = KeySet::new(keys, None).unwrap();
        let tenant = |key, now| set.find(key, now).map(|identity| identity.tenant().as_str());
        assert_eq!((tenant("old", NOW), tenant("new", NOW)), (Ok("acme"), Err(Fault::NotYetValid)));
        assert_eq!((tenant("old", early), tenant("new", early)), (Ok("acme"), Ok("acme")));
        assert_eq!((tenant("old", late), tenant("new", late)), (Err(Fault::Expired), Ok("acme")));
    }

    #[test]
    fn a_pepper_changes_every_hash() {
        let pepper = Pepper::new(*b"0123456789abcdef").unwrap();
        let key = KeySpec::new("acme", KeyHash::peppered("k1", &pepper));
        let set = KeySet::new([key.clone()], Some(pepper)).unwrap();
        assert!(set.find("k1", NOW).is_ok());
        let set = KeySet::new([key, spec("umbrella", "k2")], Pepper::new(*b"another 16 bytes")).unwrap();
        assert!(set.find("k1", NOW).is_err() && set.find("k2", NOW).is_err());
        assert!(Pepper::new(*b"short").is_none());
    }

    #[test]
    fn one_key_belongs_to_one_tenant() {
        let error = KeySet::new([spec("acme", "k1"), spec("umbrella", "k1")], None).unwrap_err();
        assert_eq!(error.index(), 1);
        assert!(error.to_string().contains("acme") && error.to_string().contains("umbrella"), "{error}");
    }
}

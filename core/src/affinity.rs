//! Session affinity: signed tokens that name an endpoint without giving its address away.
//!
//! A token is a synthetic initialisation vector (Rogaway and Shrimpton, 2006) over HMAC-SHA-256: the tag signs tenant, pool and a hash of the endpoint's
//! address, and hides that hash under a mask that is made from the tag. So it can be neither forged nor taken to another tenant or pool, it says
//! nothing of the addresses behind, and the same session always has the same token. Tags are compared in constant time.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A secret that tokens are signed with. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Box<[u8]>);

/// The secrets in force: the first signs, all of them verify.
#[derive(Clone, Default)]
pub(crate) struct TokenKeys {
    keys: Vec<Hmac<Sha256>>,
}

/// Whose session, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) pool: &'a str,
}

impl Secret {
    pub(crate) fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl TokenKeys {
    pub(crate) fn new(secrets: &[Secret]) -> Self {
        let keyed = |secret: &Secret| {
            Hmac::new_from_slice(&secret.0).expect("a secret of any length is a key of this algorithm")
        };
        Self { keys: secrets.iter().map(keyed).collect() }
    }

    /// A token for the endpoint whose address hashes so; `None` where there is no secret.
    pub(crate) fn sign(&self, session: Session<'_>, target: u64) -> Option<String> {
        let key = self.keys.first()?;
        let tag = tag_of(key, session, target);
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[1..9].copy_from_slice(&(target ^ mask_of(key, &tag)).to_le_bytes());
        bytes[9..].copy_from_slice(&tag);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a token names, if it was signed for this session with one of the secrets.
    pub(crate) fn verify(&self, session: Session<'_>, token: &str) -> Option<u64> {
        let mut bytes = [0; LENGTH];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        let (&[version], rest) = bytes.split_first_chunk()?;
        let (hidden, tag) = rest.split_first_chunk()?;
        let tag: &Tag = tag.try_into().ok()?;
        if length != LENGTH || version != VERSION {
            return None;
        }
        self.keys.iter().find_map(|key| {
            let target = u64::from_le_bytes(*hidden) ^ mask_of(key, tag);
            let signed = signing(key, session, target).verify_truncated_left(tag);
            signed.is_ok().then_some(target)
        })
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeys").field("keys", &self.keys.len()).finish()
    }
}

fn signing(key: &Hmac<Sha256>, session: Session<'_>, target: u64) -> Hmac<Sha256> {
    let mut mac = key.clone();
    mac.update(b"session");
    // With their lengths before them, no two pairs of names read alike.
    for name in [session.tenant, session.pool] {
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
    }
    mac.update(&target.to_le_bytes());
    mac
}

fn tag_of(key: &Hmac<Sha256>, session: Session<'_>, target: u64) -> Tag {
    *signing(key, session, target)
        .finalize()
        .into_bytes()
        .first_chunk()
        .expect("a digest is longer than a tag")
}

fn mask_of(key: &Hmac<Sha256>, tag: &Tag) -> u64 {
    let mut mac = key.clone();
    mac.update(b"mask");
    mac.update(tag);
    let digest = mac.finalize().into_bytes();
    u64::from_le_bytes(*digest.first_chunk().expect("a digest is longer than a word"))
}

type Tag = [u8; 16];
const VERSION: u8 = 1;
/// Version, target, tag.
const LENGTH: usize = 1 + 8 + 16;

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: Session<'_> = Session { tenant: "acme", pool: "api" };

    fn keys(secrets: &[&[u8]]) -> TokenKeys {
        TokenKeys::new(&secrets.iter().map(|&secret| Secret::new(secret)).collect::<Vec<_>>())
    }

    #[test]
    fn a_token_is_good_for_its_session_only() {
        let keys = keys(&[b"one secret of many bytes"]);
        let token = keys.sign(SESSION, 42).expect("there is a secret");
        assert_eq!((keys.verify(SESSION, &token), token.len()), (Some(42), 34));
        assert_eq!(keys.sign(SESSION, 42), Some(token.clone()), "the same session has the same token");
        for (tenant, pool) in [("acmf", "api"), ("acme", "apj"), ("acmea", "pi"), ("", "acmeapi")] {
            assert_eq!(keys.verify(Session { tenant, pool }, &token), None);
        }
    }

    #[test]
    fn secrets_rotate() {
        let (old, both, new) = (
            keys(&[b"the old secret"]),
            keys(&[b"the new secret", b"the old secret"]),
            keys(&[b"the new secret"]),
        );
        let token = old.sign(SESSION, 7).expect("there is a secret");
        assert_eq!((both.verify(SESSION, &token), new.verify(SESSION, &token)), (Some(7), None));
        assert_eq!(both.sign(SESSION, 7), new.sign(SESSION, 7));
        assert_eq!(TokenKeys::default().sign(SESSION, 7), None);
    }

    #[test]
    fn secrets_do_not_show() {
        let secret = Secret::new(*b"hush hush");
        assert!(!format!("{secret:?} {:?}", TokenKeys::new(std::slice::from_ref(&secret))).contains("hush"));
    }

    proptest! {
        /// A token with any bit changed, or anything else, names nothing.
        #[test]
        fn forged_tokens_name_nothing(target: u64, byte in 0_usize..LENGTH, bit in 0_u8..8, other in ".{0,60}") {
            let keys = keys(&[b"one secret of many bytes"]);
            let token = keys.sign(SESSION, target).expect("there is a secret");
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).expect("as it was encoded");
            bytes[byte] ^= 1 << bit;
            prop_assert_eq!(keys.verify(SESSION, &URL_SAFE_NO_PAD.encode(&bytes)), None);
            prop_assert_eq!(keys.verify(SESSION, &token[..33]), None);
            prop_assert_eq!(keys.verify(SESSION, &other), None);
        }
    }
}

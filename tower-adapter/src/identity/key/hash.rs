use std::{error, fmt, str::FromStr, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// How an API key is stored: 64 hexadecimal digits.
///
/// ```
/// use tenantry_tower::identity::key::KeyHash;
///
/// // As `printf %s KEY | sha256sum` prints it.
/// let hash: KeyHash = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683".parse()?;
/// assert_eq!(hash, KeyHash::of("key"));
/// # Ok::<(), tenantry_tower::identity::key::HashError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash {
    /// Finds the entry.
    pub(super) handle: [u8; HALF],
    /// Proves the key.
    pub(super) proof: [u8; HALF],
}

impl KeyHash {
    /// The SHA-256 of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self::from_bytes(&Sha256::digest(key))
    }

    /// The HMAC-SHA-256 of a key.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic: HMAC takes keys of any length")]
    pub fn peppered(key: &str, pepper: &Pepper) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(&pepper.0).expect("HMAC takes keys of any length");
        Self::from_bytes(&mac.chain_update(key).finalize().into_bytes())
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let (mut handle, mut proof) = ([0; HALF], [0; HALF]);
        handle.copy_from_slice(&bytes[..HALF]);
        proof.copy_from_slice(&bytes[HALF..]);
        Self { handle, proof }
    }
}

impl FromStr for KeyHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks_exact(2).map(byte).collect();
        bytes.filter(|_| text.len() == 4 * HALF).map(|bytes| Self::from_bytes(&bytes)).ok_or(HashError)
    }
}

/// Its value is no secret, but says more than a log needs.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// Why a text is no [`KeyHash`]. It does not repeat the text, which may be a key that was put in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashError;

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write the 64 hexadecimal digits that `printf %s KEY | sha256sum` prints")
    }
}

impl error::Error for HashError {}

/// A secret that keys are hashed with. Keep it apart from the list of hashes.
#[derive(Clone)]
pub struct Pepper(Arc<[u8]>);

impl Pepper {
    /// From at least 16 random bytes.
    #[must_use]
    pub fn new(secret: impl Into<Arc<[u8]>>) -> Option<Self> {
        let secret = secret.into();
        (secret.len() >= 16).then_some(Self(secret))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

pub(super) const HALF: usize = 16;

//! A tenant's id in the five words that its state has room for.
//!
//! Up to 39 bytes the words are the id itself, so comparing is exact and touches no other memory. A longer one is
//! represented by its length and its SipHash-1-3 of 128 bits under a key that no other process knows.

use std::hash::{BuildHasher, Hasher, RandomState};

use foldhash::fast::RandomState as FastState;
use siphasher::sip128::SipHasher13;

/// The words of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdWords(pub(crate) [u64; WORDS]);

/// An id, ready to be looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdKey {
    pub(crate) words: IdWords,
    pub(crate) hash: u64,
}

/// A tenant's id that one balancer has hashed: what [`Balancer::handle_of`](crate::Balancer::handle_of) returns.
#[derive(Clone, Debug)]
pub struct TenantHandle {
    id: Box<str>,
    /// `None` where the id names nobody.
    key: Option<IdKey>,
    /// Whose hash it is: the key of its hasher.
    hashed_by: u64,
}

impl TenantHandle {
    pub(crate) fn new(id: &str, hasher: &IdHasher) -> Self {
        Self { id: id.into(), key: hasher.key(id), hashed_by: hasher.keys.0 }
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> &str {
        &self.id
    }
}

/// How this balancer hashes ids: with keys of its own, so that nobody can prepare colliding ids.
#[derive(Debug, Clone)]
pub(crate) struct IdHasher {
    index: FastState,
    keys: (u64, u64),
}

impl IdHasher {
    pub(crate) fn new() -> Self {
        let keys = (RandomState::new().hash_one(0), RandomState::new().hash_one(1));
        Self { index: FastState::default(), keys }
    }

    /// The key of an id. The empty one and those over [`LONGEST_ID`] bytes name nobody.
    #[inline(always)]
    pub(crate) fn key(&self, id: &str) -> Option<IdKey> {
        let bytes = id.as_bytes();
        if bytes.is_empty() || bytes.len() > LONGEST_ID {
            return None;
        }
        let words = if bytes.len() <= INLINE { inline(bytes) } else { self.digest(bytes) };
        Some(self.key_of(words))
    }

    /// The key that a handle has, if it is this hasher's.
    #[inline]
    pub(crate) const fn key_in<'a>(&self, handle: &'a TenantHandle) -> Option<&'a IdKey> {
        if handle.hashed_by == self.keys.0 { handle.key.as_ref() } else { None }
    }

    /// The key of an id of 8 to 16 bytes, the same as [`key`](Self::key)'s: apart from the others, so that its words stay in registers.
    #[inline(always)]
    pub(crate) fn short_key(&self, id: &str) -> Option<IdKey> {
        short(id.as_bytes()).map(|words| self.key_of(words))
    }

    /// The key of any id, apart for the same reason.
    #[inline(never)]
    pub(crate) fn any_key(&self, id: &str) -> Option<IdKey> {
        self.key(id)
    }

    /// The key of an id whose words are known.
    #[inline]
    pub(crate) fn key_of(&self, words: IdWords) -> IdKey {
        let [a, b, c, d, e] = words.0;
        let mut hasher = self.index.build_hasher();
        hasher.write_u128(u128::from(a) << 64 | u128::from(b));
        if c | d != 0 {
            hasher.write_u128(u128::from(c) << 64 | u128::from(d));
        }
        hasher.write_u64(e);
        IdKey { words, hash: hasher.finish() }
    }

    fn digest(&self, bytes: &[u8]) -> IdWords {
        let hash = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        let hash = hash.hash(bytes);
        IdWords([hash.h1, hash.h2, bytes.len() as u64, 0, u64::from(DIGEST) << 56])
    }
}

impl IdWords {
    /// The id, where the words are it.
    pub(crate) fn text(&self) -> Option<String> {
        let mut bytes = [0; 8 * WORDS];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let length = bytes[INLINE];
        if length == 0 || usize::from(length) > INLINE {
            return None;
        }
        String::from_utf8(bytes[..usize::from(length)].to_vec()).ok()
    }

    /// Nobody's id: the words of the tenant that newcomers past the bound share.
    pub(crate) const OVERFLOW: Self = Self([1, 0, 0, 0, (SHARED as u64) << 56]);
}

/// The bytes, padded with zeros, and their number in the last byte.
#[inline]
fn inline(bytes: &[u8]) -> IdWords {
    short(bytes).unwrap_or_else(|| word_by_word(bytes))
}

/// The same, where they are 8 to 16.
#[inline(always)]
fn short(bytes: &[u8]) -> Option<IdWords> {
    if bytes.len() > 16 {
        return None;
    }
    let (first, last) = (bytes.first_chunk()?, bytes.last_chunk()?);
    // The last eight overlap the first: what both have is shifted out, in two steps, as it may be all of them.
    let shared = 8 * (16 - bytes.len());
    let rest = u64::from_le_bytes(*last) >> (shared / 2) >> (shared - shared / 2);
    Some(IdWords([u64::from_le_bytes(*first), rest, 0, 0, length_word(bytes)]))
}

#[inline(always)]
const fn length_word(bytes: &[u8]) -> u64 {
    (bytes.len() as u64) << 56
}

#[inline(never)]
fn word_by_word(bytes: &[u8]) -> IdWords {
    let mut rest = bytes;
    let mut words = [next_word(&mut rest), next_word(&mut rest), 0, 0, 0];
    if !rest.is_empty() {
        words[2] = next_word(&mut rest);
        words[3] = next_word(&mut rest);
        words[4] = next_word(&mut rest);
    }
    words[WORDS - 1] |= length_word(bytes);
    IdWords(words)
}

#[inline]
fn next_word(rest: &mut &[u8]) -> u64 {
    if let Some((word, after)) = rest.split_first_chunk() {
        *rest = after;
        return u64::from_le_bytes(*word);
    }
    let word = rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    *rest = &[];
    word
}

pub(crate) const WORDS: usize = 5;
/// The longest id, in bytes.
pub(crate) const LONGEST_ID: usize = 255;
const INLINE: usize = 8 * WORDS - 1;
/// What the last byte holds where it is not a length.
const DIGEST: u8 = 0xff;
const SHARED: u8 = 0xfe;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart_to_the_byte() {
        let hasher = IdHasher::new();
        let words = |id: &str| hasher.key(id).expect("usable").words;
        let long = "x".repeat(40);
        let ids = [
            "a",
            "a\0",
            "\0a",
            "b",
            "1234567",
            "12345678",
            "12345678\0",
            "123456789",
            "1234567890123456",
            "12345678901234567",
            "3b241101-e2bb-4255-8caf-4136c566a962",
            &long[..39],
            &long,
            &"x".repeat(255),
        ];
        for (index, left) in ids.iter().enumerate() {
            for right in &ids[..index] {
                assert_ne!(words(left), words(right), "{left:?} and {right:?}");
            }
            assert_eq!(words(left), words(left));
        }
        assert!(hasher.key("").is_none() && hasher.key(&"x".repeat(256)).is_none());
    }

    #[test]
    fn the_short_way_leads_to_the_same_key() {
        let hasher = IdHasher::new();
        for length in 0..=40 {
            let id = "x".repeat(length);
            let both = |key: IdKey| (key.words, key.hash);
            let expected = (8..=16).contains(&length).then(|| hasher.key(&id).map(both)).flatten();
            assert_eq!(hasher.short_key(&id).map(both), expected, "{length} bytes");
        }
    }

    #[test]
    fn a_short_id_can_be_read_back() {
        let hasher = IdHasher::new();
        let text = |id: &str| hasher.key(id).expect("usable").words.text();
        assert_eq!(text("zürich"), Some("zürich".to_owned()));
        for length in 1..39 {
            let id = &"abcdefghijklmnopqrstuvwxyz0123456789ABC"[..length];
            assert_eq!(text(id).as_deref(), Some(id));
        }
        assert_eq!(text(&"x".repeat(39)), Some("x".repeat(39)));
        assert_eq!(text(&"x".repeat(40)), None);
        assert_eq!(IdWords::OVERFLOW.text(), None);
    }
}

//! Requests refused, by reason.

use crate::rejection::Rejection;

/// How many requests were refused for which reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectionStats {
    /// In the order of [`Rejection::CODES`].
    counts: [u64; Rejection::CODES.len()],
}

impl RejectionStats {
    pub(crate) const fn new(counts: [u64; Rejection::CODES.len()]) -> Self {
        Self { counts }
    }

    /// Every reason by its [code](Rejection::code), with how often it was told.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Rejection::CODES.into_iter().zip(self.counts)
    }

    /// How often this [code](Rejection::code) was told; 0 where there is no such code.
    #[must_use]
    pub fn of(&self, code: &str) -> u64 {
        self.iter().find(|(name, _)| *name == code).map_or(0, |(_, count)| count)
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// A map by code, without the reasons that never were.
#[cfg(feature = "config")]
impl serde::Serialize for RejectionStats {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter(|(_, count)| *count > 0))
    }
}

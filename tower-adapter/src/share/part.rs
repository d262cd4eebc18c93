use std::{error, fmt};

use super::draw;

/// A part of all, from 0 to 1.
///
/// ```
/// use tenantry_tower::share::Share;
///
/// assert!(Share::new(0.05).is_ok());
/// assert!(Share::new(5.0).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Of 2³².
    parts: u64,
}

impl Share {
    /// Nobody.
    pub const NONE: Self = Self { parts: 0 };
    /// Everybody.
    pub const ALL: Self = Self { parts: 1 << 32 };

    /// This part of all.
    ///
    /// # Errors
    /// Where it is not within 0 and 1.
    pub fn new(part: f64) -> Result<Self, ShareError> {
        if !(0.0..=1.0).contains(&part) {
            return Err(ShareError { part: part.to_string() });
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2³²")]
        let parts = (part * 4_294_967_296.0).round() as u64;
        Ok(Self { parts })
    }

    /// Whether the `turn`-th event in a stream of a seed is within: the same numbers give the same answer.
    pub(crate) const fn holds(self, seed: u64, stream: u64, turn: u64) -> bool {
        draw::below(seed, stream, turn) < self.parts
    }
}

/// What is no [`Share`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareError {
    part: String,
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no share: write a number from 0 to 1, as 0.05", self.part)
    }
}

impl error::Error for ShareError {}

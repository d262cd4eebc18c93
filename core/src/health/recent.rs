//! What an endpoint's last requests came to.

/// What the last requests came to, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recent {
    /// Failures in a row.
    pub(super) failures: u32,
    /// The last of them that were a gateway's or nobody's answer.
    pub(super) at_gateway: u32,
    /// The last 16 outcomes, the newest in the lowest bit: 1 is a failure.
    pub(super) outcomes: u16,
}

impl Recent {
    #[expect(clippy::cast_possible_truncation, reason = "the parts of a word")]
    pub(super) const fn unpacked(word: u64) -> Self {
        Self { failures: (word >> 40) as u32, at_gateway: (word >> 16) as u32 & MOST, outcomes: word as u16 }
    }

    pub(super) fn packed(self) -> u64 {
        let most = |count: u32| u64::from(count.min(MOST));
        most(self.failures) << 40 | most(self.at_gateway) << 16 | u64::from(self.outcomes)
    }

    pub(super) const fn and_a_success(self) -> Self {
        Self { failures: 0, at_gateway: 0, outcomes: self.outcomes << 1 }
    }

    pub(super) const fn and_a_failure(self, gateway: bool) -> Self {
        let at_gateway = if gateway { self.at_gateway + 1 } else { 0 };
        Self { failures: self.failures + 1, at_gateway, outcomes: self.outcomes << 1 | 1 }
    }
}

/// What a count of failures holds.
pub(super) const MOST: u32 = (1 << 24) - 1;

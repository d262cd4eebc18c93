//! Credentials that have proved somebody.

use std::time::Duration;

use tenantry::Time;

/// The credentials that an address has authenticated by lately, as keyed hashes: what tells the neighbours behind one address apart while it is banned.
/// They are the *device cookies* of OWASP's "Slow down online guessing attacks with device cookies", without a cookie: a guess is by definition none of them.
/// At most [`ROOM`]; one that is in use is never driven out by a newcomer.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Vec<(u64, Time)>);

impl Known {
    /// Whether it is among them; then it is in use.
    pub(super) fn touch(&mut self, credential: u64, now: Time) -> bool {
        let found = self.0.iter_mut().find(|(known, at)| *known == credential && now.since(*at) < KEPT);
        found.map(|(_, at)| *at = now).is_some()
    }

    pub(super) fn remember(&mut self, credential: u64, now: Time) {
        self.forget(credential);
        self.0.retain(|(_, at)| now.since(*at) < KEPT);
        if self.0.len() < ROOM {
            self.0.push((credential, now));
        }
    }

    pub(super) fn forget(&mut self, credential: u64) {
        self.0.retain(|(known, _)| *known != credential);
    }
}

/// How many of one address are remembered.
const ROOM: usize = 16;
/// For how long after their last use.
const KEPT: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_drives_out_only_what_is_no_longer_used() {
        let (mut known, later) = (Known::default(), Time::ZERO + KEPT);
        (0..100).for_each(|credential| known.remember(credential, Time::ZERO));
        assert!(known.touch(0, Time::ZERO) && known.touch(15, Time::ZERO) && !known.touch(16, Time::ZERO));
        known.remember(100, later);
        assert!(known.touch(100, later) && !known.touch(0, later));
        known.forget(100);
        assert!(!known.touch(100, later));
    }
}

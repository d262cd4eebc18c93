//! Credentials that have proved somebody.

use tenantry::Time;

/// The credentials that an address has authenticated by lately, as keyed hashes: what tells the neighbours behind one address apart while it is banned.
/// They are the *device cookies* of OWASP's "Slow down online guessing attacks with device cookies", without a cookie: a guess is by definition none of them.
/// At most [`ROOM`], which tenants share: where it is full, somebody of a tenant that has fewer takes the place of the tenant that has the most, of the one that was unused for longest. So whoever
/// writes one key in many ways takes places of nobody but his own tenant. Else one that is in use is never driven out by a newcomer.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Vec<Proof>);

#[derive(Clone, Copy, Debug)]
struct Proof {
    credential: u64,
    /// A keyed hash of whom it proved.
    tenant: u32,
    /// When it was last used, in whole seconds.
    used_s: u32,
}

impl Known {
    /// Whether it is among them; then it is in use.
    pub(super) fn touch(&mut self, credential: u64, now: Time) -> bool {
        let now = seconds(now);
        let found = self.0.iter_mut().find(|proof| proof.credential == credential && proof.is_fresh(now));
        found.map(|proof| proof.used_s = now).is_some()
    }

    /// Whether there are any.
    pub(super) fn has_some(&self, now: Time) -> bool {
        let now = seconds(now);
        self.0.iter().any(|proof| proof.is_fresh(now))
    }

    pub(super) fn remember(&mut self, credential: u64, tenant: u32, now: Time) {
        let now = seconds(now);
        self.forget(credential);
        self.0.retain(|proof| proof.is_fresh(now));
        if self.0.len() == ROOM
            && let Some(place) = self.place_for(tenant)
        {
            self.0.swap_remove(place);
        }
        if self.0.len() < ROOM {
            self.0.push(Proof { credential, tenant, used_s: now });
        }
    }

    pub(super) fn forget(&mut self, credential: u64) {
        self.0.retain(|proof| proof.credential != credential);
    }

    /// The place that one more of this tenant may have: of a tenant that has more even so.
    fn place_for(&self, tenant: u32) -> Option<usize> {
        let of = |tenant: u32| self.0.iter().filter(|proof| proof.tenant == tenant).count();
        let most = self.0.iter().map(|proof| of(proof.tenant)).max().filter(|most| *most > of(tenant) + 1)?;
        let largest = self.0.iter().enumerate().filter(|(_, proof)| of(proof.tenant) == most);
        largest.min_by_key(|(_, proof)| proof.used_s).map(|(place, _)| place)
    }
}

impl Proof {
    const fn is_fresh(&self, now: u32) -> bool {
        now.saturating_sub(self.used_s) < KEPT
    }
}

fn seconds(now: Time) -> u32 {
    u32::try_from(now.since(Time::ZERO).as_secs()).unwrap_or(u32::MAX)
}

/// How many of one address are remembered.
const ROOM: usize = 16;
/// For how many seconds after their last use.
const KEPT: u32 = 24 * 3600;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_newcomer_of_the_same_tenant_drives_out_only_what_is_no_longer_used() {
        let (mut known, later) = (Known::default(), Time::ZERO + Duration::from_secs(KEPT.into()));
        (0..100).for_each(|credential| known.remember(credential, 7, Time::ZERO));
        assert!(known.touch(0, Time::ZERO) && known.touch(15, Time::ZERO) && !known.touch(16, Time::ZERO));
        known.remember(100, 7, later);
        assert!(known.touch(100, later) && !known.touch(0, later));
        known.forget(100);
        assert!(!known.touch(100, later));
    }

    #[test]
    fn a_key_in_many_forms_takes_no_place_of_other_tenants() {
        let (mut known, at) = (Known::default(), |seconds| Time::ZERO + Duration::from_secs(seconds));
        (0..1_000).for_each(|form| known.remember(form, 1, at(1)));
        assert!(known.touch(3, at(2)));
        for other in 2..10 {
            known.remember(1_000 + u64::from(other), other, at(3));
        }
        (0..1_000).for_each(|form| known.remember(2_000 + form, 1, at(4)));
        assert!((2..10).all(|other| known.touch(1_000 + other, at(5))), "everybody else is known");
        assert!(known.touch(3, at(5)), "what was used last stays");
        assert!(known.0.len() == ROOM);
    }
}

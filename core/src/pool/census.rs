//! What one look at some endpoints shows of their health: each is a cache line from far away, so all that is counted is counted at once.

use super::tier_parts::Availability;
use crate::{endpoint::Member, time::Time};

/// The counts of some endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub(super) there: Availability,
    /// The weight of those that are not available.
    unavailable_weight: u64,
    /// The weight of those that are, but serve worse.
    degraded_weight: u64,
    /// Of whom something is to be said.
    pub(super) unhealthy: u32,
    pub(super) ejected: u32,
    /// When time alone changes something next.
    pub(super) next_change: Option<Time>,
}

impl Census {
    /// Counts one more. Whether it is available.
    pub(super) fn take(&mut self, member: &Member, now: Time) -> bool {
        let (health, weight) = (member.endpoint().health(), u64::from(member.weight()));
        let is_available = health.is_available(now);
        self.there.all += u32::from(health.is_present(now));
        if !is_available {
            self.unavailable_weight += weight;
        } else if health.serves_worse(now) {
            self.there.degraded += 1;
            self.degraded_weight += weight;
        } else {
            self.there.healthy += 1;
        }
        self.unhealthy += u32::from(!health.is_plain(now));
        self.ejected += u32::from(health.outlier().is_ejected(now));
        self.next_change = soonest(self.next_change, health.next_change(now));
        is_available
    }

    /// Of both.
    pub(super) fn and(self, other: &Self) -> Self {
        let Availability { all, healthy, degraded } = other.there;
        Self {
            there: Availability {
                all: self.there.all + all,
                healthy: self.there.healthy + healthy,
                degraded: self.there.degraded + degraded,
            },
            unavailable_weight: self.unavailable_weight + other.unavailable_weight,
            degraded_weight: self.degraded_weight + other.degraded_weight,
            unhealthy: self.unhealthy + other.unhealthy,
            ejected: self.ejected + other.ejected,
            next_change: soonest(self.next_change, other.next_change),
        }
    }

    /// The weight of those that nothing goes to where the degraded serve.
    pub(super) const fn left_out(&self) -> u64 {
        self.unavailable_weight
    }

    /// The same where they do not.
    pub(super) const fn left_out_with_degraded(&self) -> u64 {
        self.unavailable_weight + self.degraded_weight
    }
}

fn soonest(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    one.into_iter().chain(other).min()
}

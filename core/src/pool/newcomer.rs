//! The benefit of the doubt: who has just joined may be slow because it is cold, and would never warm up without requests.
//!
//! For two minutes, no answer of a newcomer counts for more in picks than what its peers take: it is picked by the requests that it has in flight. It is still
//! measured as it is, and once the [comparison](super::comparing) may judge it, one that is slow for good is degraded.

use std::time::Duration;

use crate::{
    endpoint::{Endpoint, Member, Took},
    pool::Pool,
    rng,
    time::Time,
};

impl Pool {
    /// How long a request took there, and what that is to picks.
    #[inline]
    pub(super) fn took(&self, endpoint: &Endpoint, measured: Duration, now: Time) -> Took {
        let joined = endpoint.joined();
        // Who was there from the start has nobody to be compared with.
        let is_new = joined > Time::ZERO && now.since(joined) < DOUBT;
        if is_new {
            Took { measured, counted: measured.min(self.typical_latency(now)) }
        } else {
            measured.into()
        }
    }

    /// The median of a few members that are no newcomers.
    #[cold]
    fn typical_latency(&self, now: Time) -> Duration {
        let is_new = |peer: &Endpoint| peer.joined() > Time::ZERO && now.since(peer.joined()) < DOUBT;
        let (mut latencies, mut known) = ([0.0_f32; ASKED], 0);
        let count = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        for turn in 0..ASKED {
            let half = (rng::draw(now.as_nanos(), turn as u64) >> 32) as u32;
            // An update may have taken the last one out since the request went to it.
            let Some(peer) = self.members.get(rng::below(half, count) as usize).map(Member::endpoint) else {
                break;
            };
            if let Some(latency) = peer.latency(self.decay, now).filter(|_| !is_new(peer)) {
                latencies[known] = latency;
                known += 1;
            }
        }
        let latencies = &mut latencies[..known];
        latencies.sort_unstable_by(f32::total_cmp);
        let median = latencies.get(known / 2).copied();
        median.map_or(Duration::MAX, |nanos| Duration::from_secs_f32(nanos / 1e9))
    }
}

/// How long somebody is new.
const DOUBT: Duration = Duration::from_secs(120);
/// How many members are asked.
const ASKED: usize = 7;

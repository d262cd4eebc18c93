//! Probes: which endpoints to ask how they are.

use crate::{
    pool::Pool,
    strategy::{Candidates, Probe, Strategy},
    time::Time,
};

impl Pool {
    /// The next probe that is due, if its strategy goes by probes and there is one.
    pub(crate) fn poll_probe(&self, now: Time) -> Option<Probe> {
        self.tiers.iter().find_map(|tier| {
            let Strategy::Prequal(prequal) = tier.strategy() else { return None };
            let members = tier.members(&self.members);
            prequal.poll_probe(&Candidates::new(members, tier.scrutiny(), self.decay, now))
        })
    }
}

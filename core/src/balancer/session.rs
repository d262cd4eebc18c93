//! The tokens with which sessions return to their endpoint.

use super::{lease::Held, state::State};
use crate::{affinity::Session, config::OVERFLOW, pool::Pool};

impl State {
    /// A token for the endpoint of a lease; `None` where its pool is gone.
    pub(super) fn affinity_token(&self, held: &Held, address: &str) -> Option<String> {
        let snapshot = self.published.load();
        let service = snapshot.service_of(held.pool)?;
        let entry = held.charged.found.entry();
        let shared = snapshot.directory.is_overflow(entry.slot);
        let tenant = if shared { OVERFLOW.to_owned() } else { self.name_of(entry) };
        let session = Session { tenant: &tenant, pool: service.pool.name() };
        snapshot.token_keys.sign(session, Pool::target_of(address))
    }
}

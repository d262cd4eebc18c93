//! Which pools a tenant may use, and when.

use crate::{config::Grant, pool::PoolId};

/// Every pool that nobody owns, or those that it is granted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Permits {
    granted: Option<Box<[Permit]>>,
}

/// Leave to use a pool, from one moment to another in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Permit {
    pool: PoolId,
    from: u64,
    until: u64,
}

impl Permits {
    /// Without grants, every pool that nobody owns.
    pub(super) fn new(grants: Option<&[Grant]>, pool_id: impl Fn(&str) -> Option<PoolId>) -> Self {
        let permit = |grant: &Grant| {
            let (from, until) = grant.time();
            Some(Permit { pool: pool_id(grant.pool())?, from, until })
        };
        Self { granted: grants.map(|grants| grants.iter().filter_map(permit).collect()) }
    }

    /// Whether a pool that nobody owns may be used now.
    #[inline]
    pub(crate) fn allow(&self, pool: PoolId, unix: impl Fn() -> u64) -> bool {
        self.granted.is_none() || self.grant(pool, unix)
    }

    /// Whether a pool is granted by name, now.
    pub(crate) fn grant(&self, pool: PoolId, unix: impl Fn() -> u64) -> bool {
        let lasts = |permit: &Permit| permit.from == 0 && permit.until == u64::MAX;
        let holds = |permit: &Permit| lasts(permit) || (permit.from..permit.until).contains(&unix());
        self.granted.iter().flatten().any(|permit| permit.pool == pool && holds(permit))
    }
}

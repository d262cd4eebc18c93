//! Figures of one tenant.

/// One tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct TenantStats {
    pub(crate) id: String,
    pub(crate) weight: u32,
    pub(crate) in_flight: u32,
    pub(crate) waiting: u32,
    pub(crate) beneath: u32,
    pub(crate) completed: u64,
    pub(crate) rejected: u64,
    pub(crate) shadow_rejected: u64,
}

impl TenantStats {
    /// Its id; `(overflow)` for the one that newcomers past the bound share, `(other)` for a sum.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its weight among those that have the same parent; 1 for the own requests of one that has tenants beneath it, 0 for a sum.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.weight
    }

    /// Requests with a seat.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Requests waiting for one.
    #[must_use]
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// Requests of tenants beneath it, with a seat or waiting for one, where it limits them: they count under its `max_in_flight`.
    /// 0 where it has no limits.
    #[must_use]
    pub const fn beneath(&self) -> u32 {
        self.beneath
    }

    /// Requests finished, of any outcome, since the tenant came.
    #[must_use]
    pub const fn completed(&self) -> u64 {
        self.completed
    }

    /// Requests that limits in shadow mode would have refused since the tenant came; they passed, as far as these limits go.
    #[must_use]
    pub const fn shadow_rejected(&self) -> u64 {
        self.shadow_rejected
    }

    /// Requests refused since the tenant came.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.rejected
    }
}

use std::{sync::Arc, time::Duration};

/// The route that a request took: in its extensions behind [`RouteLayer`](super::RouteLayer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedRoute {
    pub(super) index: usize,
    pub(super) path: Arc<str>,
    pub(super) pool: Option<Arc<str>>,
    pub(super) cost: Option<u64>,
    pub(super) priority: Option<u8>,
    pub(super) timeout: Option<Duration>,
}

impl MatchedRoute {
    /// Which of the routes it is, in the order they were given in, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The route's path, not the request's: there are as many as there are routes, which suits a metric's label.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The pool that serves it, where the route says so.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        self.pool.as_deref()
    }

    /// What its requests cost, where the route says so.
    #[must_use]
    pub const fn cost(&self) -> Option<u64> {
        self.cost
    }

    /// How urgent they are, where the route says so.
    #[must_use]
    pub const fn priority(&self) -> Option<u8> {
        self.priority
    }

    /// How long they may wait, where the route says so.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

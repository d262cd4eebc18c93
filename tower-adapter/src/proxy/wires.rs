use std::collections::BTreeMap;

use http_body::Body;
use tower::BoxError;

use super::wire::Wire;

/// How the endpoints of each pool are spoken to.
pub(super) struct Wires<B> {
    by_pool: BTreeMap<Box<str>, Wire<B>>,
    /// Those of all other pools.
    otherwise: Wire<B>,
}

impl<B> Wires<B> {
    /// The one to this pool's endpoints.
    pub(super) fn of(&self, pool: &str) -> &Wire<B> {
        self.by_pool.get(pool).unwrap_or(&self.otherwise)
    }

    /// The same, but for this pool.
    #[cfg(feature = "tls")]
    pub(super) fn with(&self, pool: Box<str>, wire: Wire<B>) -> Self {
        let mut by_pool = self.by_pool.clone();
        by_pool.insert(pool, wire);
        Self { by_pool, otherwise: self.otherwise.clone() }
    }
}

impl<B> Wires<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// All alike: HTTP/1.1 without TLS.
    pub(super) fn plain() -> Self {
        Self { by_pool: BTreeMap::new(), otherwise: Wire::plain() }
    }
}

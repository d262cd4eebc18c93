use tower::Layer;

use super::{Logged, Sampling};

/// Tells of every request that its [`Sampling`] keeps, as an event of `tracing`; what is in it: [the module](super). Stands around everything.
///
/// ```
/// use std::time::Duration;
/// use tenantry_tower::{log::{LogLayer, NoteLayer, Sampling}, rejection::RejectionLayer, tenant::TenantLayer};
/// use tower::ServiceBuilder;
///
/// let sampling = Sampling::of_successes(0.01).with_slow(Duration::from_secs(1));
/// let layers = ServiceBuilder::new()
///     .layer(LogLayer::new(sampling))
///     .layer(RejectionLayer::new())
///     .layer(TenantLayer::header("x-tenant"))
///     .layer(NoteLayer::new());
/// # drop(layers);
/// ```
#[derive(Clone, Debug)]
pub struct LogLayer {
    sampling: Option<Sampling>,
}

impl LogLayer {
    /// Tells what this keeps.
    #[must_use]
    pub const fn new(sampling: Sampling) -> Self {
        Self { sampling: Some(sampling) }
    }

    /// Tells nothing: for stacks whose type is to be the same with and without a log.
    #[must_use]
    pub const fn off() -> Self {
        Self { sampling: None }
    }
}

impl<S> Layer<S> for LogLayer {
    type Service = Logged<S>;

    fn layer(&self, inner: S) -> Logged<S> {
        Logged::new(inner, self.sampling.clone())
    }
}

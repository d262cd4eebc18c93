use std::{fmt, sync::Arc, time::Duration};

use http::{StatusCode, request::Parts};

use crate::{route::MatchedRoute, share::Share, tenant::TenantId};

/// One thing that goes wrong, how often, and for whom.
#[derive(Clone)]
pub struct Fault {
    pub(super) kind: Kind,
    pub(super) share: Share,
    is_meant: Option<Arc<Predicate>>,
}

type Predicate = dyn Fn(&Parts) -> bool + Send + Sync;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Delay(Duration),
    Abort(StatusCode),
    Reset(u64),
}

/// Among the extensions of an answer: it was made here, the service within has not been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected;

impl Fault {
    /// The service within is asked so much later.
    #[must_use]
    pub const fn delay(time: Duration) -> Self {
        Self::of_kind(Kind::Delay(time))
    }

    /// An empty answer of this status; the service within is not asked.
    #[must_use]
    pub const fn abort(status: StatusCode) -> Self {
        Self::of_kind(Kind::Abort(status))
    }

    /// The answer's body breaks off after so many bytes at most (frames are passed whole), with an error; over a connection, that is a reset. A shorter body is left as it is.
    #[must_use]
    pub const fn reset_after(bytes: u64) -> Self {
        Self::of_kind(Kind::Reset(bytes))
    }

    const fn of_kind(kind: Kind) -> Self {
        Self { kind, share: Share::ALL, is_meant: None }
    }

    /// How many of the requests that are meant it befalls. Default: all.
    #[must_use]
    pub const fn of(mut self, share: Share) -> Self {
        self.share = share;
        self
    }

    /// Which requests are meant; said several times, all must hold. Default: all requests.
    #[must_use]
    pub fn when(mut self, is_meant: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.is_meant = Some(match self.is_meant.take() {
            None => Arc::new(is_meant),
            Some(before) => Arc::new(move |request: &Parts| before(request) && is_meant(request)),
        });
        self
    }

    /// Only requests of this tenant: where the [`TenantId`] is among their extensions.
    #[must_use]
    pub fn for_tenant(self, tenant: impl Into<TenantId>) -> Self {
        let tenant = tenant.into();
        self.when(move |request| request.extensions.get::<TenantId>() == Some(&tenant))
    }

    /// Only requests that took the route of this path: where the [`MatchedRoute`] is among their extensions.
    #[must_use]
    pub fn on_route(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.when(move |request| {
            request.extensions.get::<MatchedRoute>().is_some_and(|route| route.path() == path)
        })
    }

    pub(super) fn is_meant(&self, request: &Parts) -> bool {
        self.is_meant.as_ref().is_none_or(|is_meant| is_meant(request))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("kind", &self.kind).field("share", &self.share).finish_non_exhaustive()
    }
}

//! Without TLS there is no HTTP/2 towards endpoints.

use std::{convert::Infallible, marker::PhantomData};

use http::{Request, uri::Authority};

use super::{upload::Upload, wire::Call};

/// Nobody has one.
pub(super) struct Http2<B> {
    none: Infallible,
    body: PhantomData<fn(B)>,
}

impl<B> Http2<B> {
    pub(super) const fn send(&self, _: Request<Upload<B>>) -> Call {
        match self.none {}
    }

    pub(super) const fn send_alone(&self, _: Request<Upload<B>>, _: Authority) -> Call {
        match self.none {}
    }
}

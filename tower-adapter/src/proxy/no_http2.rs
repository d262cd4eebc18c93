//! Without TLS there is no HTTP/2 towards endpoints.

use std::{convert::Infallible, sync::Arc};

use http::{Request, uri::Authority};

use super::{targets::Target, upload::Upload, wire::Call};

/// Nobody has one.
pub(super) struct Http2 {
    none: Infallible,
}

impl Http2 {
    pub(super) fn send<B>(&self, _: Arc<Target<B>>, _: Request<Upload<B>>) -> Call {
        match self.none {}
    }

    pub(super) fn send_alone<B>(&self, _: Request<Upload<B>>, _: Authority) -> Call {
        match self.none {}
    }
}

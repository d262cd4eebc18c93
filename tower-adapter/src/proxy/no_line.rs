//! Without TLS there is no HTTP/2 towards endpoints.

use std::marker::PhantomData;

/// Nobody takes one.
pub(super) struct Line<B>(PhantomData<fn(B)>);

impl<B> Default for Line<B> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

//! Without HTTP/2 towards endpoints there is nobody to send one to.

use http::{HeaderMap, HeaderValue, request::Parts};

pub(super) const fn accept(_: &HeaderMap) -> Option<HeaderValue> {
    None
}

pub(super) const fn make(_: &mut Parts) {}

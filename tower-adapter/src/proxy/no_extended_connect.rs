//! Without HTTP/2 towards endpoints there is nobody to send one to.

use std::error::Error;

use http::{HeaderValue, request::Parts};

pub(super) const fn accept(_: &Parts) -> Option<HeaderValue> {
    None
}

pub(super) const fn make(_: &mut Parts) {}

pub(super) const fn is_refusal(_: &(dyn Error + 'static)) -> bool {
    false
}

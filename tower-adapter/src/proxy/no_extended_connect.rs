//! Without HTTP/2 towards endpoints there is nobody to send one to.

use http::{HeaderValue, request::Parts};
use hyper_util::client::legacy;

pub(super) const fn accept(_: &Parts) -> Option<HeaderValue> {
    None
}

pub(super) const fn make(_: &mut Parts) {}

pub(super) const fn is_refusal(_: &legacy::Error) -> bool {
    false
}

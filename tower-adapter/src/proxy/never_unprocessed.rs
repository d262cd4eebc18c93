//! Without HTTP/2 towards endpoints nobody says so.

use std::error::Error;

pub(super) const fn has_gone_in_order(_: &(dyn Error + 'static)) -> bool {
    false
}

pub(super) const fn is_unprocessed(_: &(dyn Error + 'static)) -> bool {
    false
}

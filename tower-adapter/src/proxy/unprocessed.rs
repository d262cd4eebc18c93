//! Requests that an endpoint of HTTP/2 has not looked at, and says so.
//!
//! GOAWAY names the last stream that counts (RFC 9113 §6.8): servers that close a connection after so many requests, as nginx does, or before they end, send it while others are on their way. Those may go again over
//! another connection, whatever their method. What is refused by `REFUSED_STREAM` (§8.7) has not been looked at either, for the endpoint has too much to do.

use std::{error::Error, iter::successors};

use h2::Reason;

/// Whether the endpoint has closed the connection before it looked at the request; h2 ends no other stream so.
pub(super) fn has_gone_away(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| error.is_go_away() && error.is_remote())
}

/// The same where nothing is wrong: a server may close its connections.
pub(super) fn has_gone_in_order(error: &(dyn Error + 'static)) -> bool {
    has_gone_away(error) && causes(error).any(|error| error.reason() == Some(Reason::NO_ERROR))
}

/// Whether the endpoint has gone away, whatever for, or has refused the request alone.
pub(super) fn is_unprocessed(error: &(dyn Error + 'static)) -> bool {
    let refuses = |error: &h2::Error| error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
    has_gone_away(error) || causes(error).any(refuses)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a h2::Error> {
    successors(Some(error), |&cause| cause.source()).filter_map(|cause| cause.downcast_ref())
}

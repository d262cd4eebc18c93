//! Request bodies that can be sent more than once: kept while they stream, up to a limit, without copying what is already [`Bytes`](bytes::Bytes).
//!
//! Nothing is read ahead: a body goes to the service within as it comes, and what has gone is kept for another attempt. Once more has gone than the
//! limit allows, nothing is kept any more, and the body cannot be sent again.

mod body;
mod error;
mod source;

pub use body::ReplayBody;
pub use error::Error;
pub(crate) use source::{Replay, Upload};

//! May it run now, and where? [`BalanceLayer`] waits for the tenant's turn, picks the endpoint, and holds the seat until
//! the last byte of the response.
//!
//! What the balancer learns from how it went:
//!
//! | what happened | outcome |
//! |---|---|
//! | an answer below 500 (but 429), and its body to the end | success, with the time to the headers as its latency |
//! | 429 or 503 | overload, with the answer's `Retry-After` (seconds or a date) |
//! | any other status from 500 up | failure |
//! | the inner service's error, or a body that breaks off | failure |
//! | the caller went away: the future or an unfinished body was dropped | cancelled (after a status that tells: that) |
//! | somebody called [`PickedEndpoint::excuse`] | cancelled, whatever else happened |

mod body;
mod classify;
mod error;
mod future;
mod layer;
mod picked;
mod service;
mod settings;

pub use body::LeaseBody;
pub use error::Error;
pub use future::ResponseFuture;
pub use layer::BalanceLayer;
pub use picked::PickedEndpoint;
pub use service::Balance;

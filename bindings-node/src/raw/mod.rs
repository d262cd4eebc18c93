//! Plain Node-API under the hot calls: the only unsafe code of this package.
//!
//! napi-rs's macros cost 400 ns for a method and 100 more for an argument; a plain callback whose data pointer is the state costs
//! 20. What must hold, and where it does:
//!
//! - **Thread.** Node calls a function, and its finalizer, on the thread of the environment that made it. The state is an `Rc`, and
//!   everything here is neither `Send` nor `Sync`.
//! - **Life.** Each function owns one strong count of the state, given back by its finalizer; so a function that outlives the
//!   object it was made for still has its state.
//! - **Panics** end in `function::enter`, as an `Error`; none crosses the border.
#![expect(unsafe_code, reason = "Node-API is a C interface; the macros over it cost 400 ns a call")]

mod call;
mod function;
mod mailbox;

use napi::{Error, Result, Status, sys};

pub(crate) use call::{Buffer, Call};
pub(crate) use function::{Fault, Operation, define};
pub(crate) use mailbox::Mailbox;

fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Error::from_status(Status::from(status))) }
}

//! Whose a request is: an id, or a handle that has hashed it once.

use std::{ffi::CStr, rc::Rc};

use tenantry::{Request, TenantHandle};

use crate::{
    raw::{Buffer, Call, Fault, Operation},
    state::State,
};

/// `handle(tenant)` → the slot of its handle, with more in the mailbox.
pub(crate) struct Handle;

impl Operation for Handle {
    type State = State;
    const NAME: &'static CStr = c"handle";

    fn run(state: &State, call: &Call) -> Result<i32, Fault> {
        state.keep_handle(call.name(0, &mut Buffer::new())?)
    }
}

/// `dropHandle()`, ticket in the mailbox → 1 when the handle was there.
pub(crate) struct DropHandle;

impl Operation for DropHandle {
    type State = State;
    const NAME: &'static CStr = c"dropHandle";

    fn run(state: &State, _: &Call) -> Result<i32, Fault> {
        Ok(i32::from(state.drop_handle(state.ticket())))
    }
}

/// A request of whoever it is: of the handle whose ticket is in the mailbox, or of the id that is the first argument.
#[inline]
pub(crate) fn whose<'a>(
    state: &State,
    call: &Call,
    id: &'a mut Buffer,
    handle: &'a mut Option<Rc<TenantHandle>>,
) -> Result<Request<'a>, Fault> {
    let ticket = state.ticket();
    if ticket.slot == NO_TICKET {
        return Ok(Request::new(call.name(0, id)?));
    }
    *handle = state.handle(ticket);
    handle.as_deref().map(Request::of).ok_or(Fault::Argument)
}

/// The slot of no ticket: the tenant is given by its id.
const NO_TICKET: u32 = u32::MAX;

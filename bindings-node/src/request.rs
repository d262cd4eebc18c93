//! A request, from what stands in the mailbox and in a call's arguments.

use std::borrow::Cow;

use tenantry::{Attempt, Request};

use crate::{
    amounts::Amounts,
    numbers::whole,
    raw::{Buffer, Call, Fault, Mailbox},
    state::State,
    strategy::KeyForm,
    tenant::whose,
};

/// Does something with the request that a call describes, while strategies that are functions can be asked.
#[inline]
pub(crate) fn with_request<R>(
    state: &State,
    call: &Call,
    act: impl FnOnce(Request<'_>, KeyForm) -> Result<R, Fault>,
) -> Result<R, Fault> {
    let (mut tenant, mut handle) = (Buffer::new(), None);
    let (mut session, mut avoided, mut key) = (Buffer::new(), Buffer::new(), Buffer::new());
    let mailbox = &state.mailbox;
    let priority = u8::try_from(mailbox.integer(Mailbox::PRIORITY)).map_err(|_| Fault::Argument)?;
    let mut request = whose(state, call, &mut tenant, &mut handle)?
        .cost(whole(mailbox.float(Mailbox::COST)))
        .priority(priority)
        .seats(mailbox.integer(Mailbox::SEATS))
        .attempt(attempt(mailbox.integer(Mailbox::ATTEMPT))?);
    let (text, bytes, list, addresses);
    let mut form = KeyForm::Text;
    // The arguments that are given follow one another.
    let mut place = 1;
    let kind = mailbox.integer(Mailbox::SESSION);
    if kind != NO_SESSION {
        text = text_of(call.bytes(place, &mut session)?);
        place += 1;
        request = match kind {
            TOKEN => request.affinity(&text),
            ADDRESS => request.prefer(&text),
            _ => return Err(Fault::Argument),
        };
    }
    if mailbox.integer(Mailbox::AVOIDING) != 0 {
        list = addresses_of(&call.bytes(place, &mut avoided)?)?;
        addresses = list.iter().map(String::as_str).collect::<Vec<_>>();
        request = request.avoid(&addresses);
        place += 1;
    }
    if call.count() > place {
        (bytes, form) = match call.bytes(place, &mut key) {
            Err(Fault::Argument) => (Cow::Owned(call.array(place)?), KeyForm::Bytes),
            text => (text?, KeyForm::Text),
        };
        request = request.key(&bytes);
    }
    let _asking = state.asking(form);
    limited(state, request, |request| act(request, form))
}

/// The same, with what the limits alone need: the pool and the amounts that are in the mailbox.
#[inline]
pub(crate) fn limited<'a, R>(
    state: &'a State,
    request: Request<'a>,
    act: impl FnOnce(Request<'_>) -> Result<R, Fault>,
) -> Result<R, Fault> {
    let (pool, declared) = (state.mailbox.integer(Mailbox::POOL), state.mailbox.integer(Mailbox::DECLARED));
    if pool == NO_POOL && declared == 0 {
        return act(request);
    }
    // Not borrowed while the core runs: a strategy of the caller's may call again, and number more names.
    let name;
    let mut request = request;
    if pool != NO_POOL {
        name = state.names.borrow().text(pool).ok_or(Fault::Argument)?;
        request = request.pool(&name);
    }
    if declared == 0 {
        return act(request);
    }
    let amounts = Amounts::read(&state.mailbox, &state.names.borrow())?;
    amounts.show(|amounts| act(request.amounts(amounts)))
}

/// Node writes UTF-8.
fn text_of(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Addresses as a list in JSON.
#[cold]
fn addresses_of(json: &[u8]) -> Result<Vec<String>, Fault> {
    serde_json::from_slice(json).map_err(|_| Fault::Argument)
}

/// The place of its name in `lib/`.
#[inline]
const fn attempt(number: u32) -> Result<Attempt, Fault> {
    match number {
        0 => Ok(Attempt::First),
        1 => Ok(Attempt::Retry),
        2 => Ok(Attempt::Hedge),
        _ => Err(Fault::Argument),
    }
}

/// What stands where a session would: nothing, the token of an earlier lease, or an address.
const NO_SESSION: u32 = 0;
const TOKEN: u32 = 1;
const ADDRESS: u32 = 2;
/// The number of no pool: the only one, where there is one.
const NO_POOL: u32 = u32::MAX;

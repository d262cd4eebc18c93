//! The hot calls: from what stands in the mailbox to the core and back.
//!
//! JavaScript has checked every argument, so a fault that is found here is an error in `lib/`.

use std::{ffi::CStr, time::Duration};

use tenantry::{Outcome, Request};

use crate::{
    raw::{Buffer, Call, Fault, Mailbox, Operation},
    state::State,
};

/// `tryAcquire(tenant, key?)`, pool, cost, priority and seats in the mailbox → slot or rejection.
pub(crate) struct TryAcquire;

impl Operation for TryAcquire {
    type State = State;
    const NAME: &'static CStr = c"tryAcquire";

    #[inline]
    fn run(state: &State, call: &Call) -> Result<i32, Fault> {
        with_request(state, call, |request| state.answer(state.balancer.try_acquire_owned(&request)))
    }
}

/// `acquire(tenant, key?)`, the same and the timeout in the mailbox → slot, rejection or `WAITING`.
pub(crate) struct Acquire;

impl Operation for Acquire {
    type State = State;
    const NAME: &'static CStr = c"acquire";

    fn run(state: &State, call: &Call) -> Result<i32, Fault> {
        let timeout = milliseconds(state.mailbox.float(Mailbox::TIME));
        with_request(state, call, |request| {
            state.start(state.balancer.acquire_owned(match timeout {
                Some(timeout) => request.timeout(timeout),
                None => request,
            }))
        })
    }
}

/// `finish()`, ticket and kind in the mailbox → 1 when this ended the lease, 0 when it had ended.
pub(crate) struct Finish;

impl Operation for Finish {
    type State = State;
    const NAME: &'static CStr = c"finish";

    #[inline]
    fn run(state: &State, _: &Call) -> Result<i32, Fault> {
        finish(state, kind(state)?)
    }
}

/// `finishMeasured()`: as `finish`, with cost, latency and time to return in the mailbox; NaN for what is not known.
pub(crate) struct FinishMeasured;

impl Operation for FinishMeasured {
    type State = State;
    const NAME: &'static CStr = c"finishMeasured";

    fn run(state: &State, _: &Call) -> Result<i32, Fault> {
        let mut outcome = kind(state)?;
        let cost = state.mailbox.float(Mailbox::COST);
        if !cost.is_nan() {
            outcome = outcome.with_cost(whole(cost));
        }
        if let Some(latency) = milliseconds(state.mailbox.float(Mailbox::TIME)) {
            outcome = outcome.with_latency(latency);
        }
        if let Some(wait) = milliseconds(state.mailbox.float(Mailbox::RETRY_AFTER)) {
            outcome = outcome.with_retry_after(wait);
        }
        finish(state, outcome)
    }
}

/// `firstByte()`, ticket in the mailbox → 1 when the lease was there, 0 when it had ended.
pub(crate) struct FirstByte;

impl Operation for FirstByte {
    type State = State;
    const NAME: &'static CStr = c"firstByte";

    fn run(state: &State, _: &Call) -> Result<i32, Fault> {
        Ok(i32::from(state.first_byte(state.ticket())))
    }
}

/// `next()` → the next waiter that has its answer, or `NOTHING`.
pub(crate) struct Next;

impl Operation for Next {
    type State = State;
    const NAME: &'static CStr = c"next";

    fn run(state: &State, _: &Call) -> Result<i32, Fault> {
        state.next()
    }
}

/// `poll()`, ticket in the mailbox → what became of this waiter; for its deadline.
pub(crate) struct PollWaiter;

impl Operation for PollWaiter {
    type State = State;
    const NAME: &'static CStr = c"poll";

    fn run(state: &State, _: &Call) -> Result<i32, Fault> {
        state.poll(state.ticket())
    }
}

/// `cancel()`, ticket in the mailbox → 1 when the waiter was there.
pub(crate) struct Cancel;

impl Operation for Cancel {
    type State = State;
    const NAME: &'static CStr = c"cancel";

    fn run(state: &State, _: &Call) -> Result<i32, Fault> {
        let waiter = state.cancel(state.ticket());
        Ok(i32::from(waiter.is_some()))
    }
}

/// `panic()` panics: the tests hold that the process survives it.
pub(crate) struct Panic;

impl Operation for Panic {
    type State = State;
    const NAME: &'static CStr = c"panic";

    fn run(_: &State, _: &Call) -> Result<i32, Fault> {
        on_demand()
    }
}

#[expect(clippy::panic, reason = "what it is for")]
pub(crate) fn on_demand() -> ! {
    panic!("on demand")
}

#[inline]
fn with_request<R>(
    state: &State,
    call: &Call,
    act: impl FnOnce(Request<'_>) -> Result<R, Fault>,
) -> Result<R, Fault> {
    let (mut tenant, mut key) = (Buffer::new(), Buffer::new());
    let mailbox = &state.mailbox;
    let priority = u8::try_from(mailbox.integer(Mailbox::PRIORITY)).map_err(|_| Fault::Argument)?;
    let mut request = Request::new(call.name(0, &mut tenant)?)
        .cost(whole(mailbox.float(Mailbox::COST)))
        .priority(priority)
        .seats(mailbox.integer(Mailbox::SEATS));
    let bytes;
    if call.count() > 1 {
        bytes = call.bytes(1, &mut key)?;
        request = request.key(&bytes);
    }
    match mailbox.integer(Mailbox::POOL) {
        NO_POOL => act(request),
        number => {
            let pools = state.pools.borrow();
            act(request.pool(pools.text(number).ok_or(Fault::Argument)?))
        }
    }
}

#[inline]
fn kind(state: &State) -> Result<Outcome, Fault> {
    match state.mailbox.integer(Mailbox::KIND) {
        0 => Ok(Outcome::success()),
        1 => Ok(Outcome::failure()),
        2 => Ok(Outcome::overload()),
        3 => Ok(Outcome::cancelled()),
        _ => Err(Fault::Argument),
    }
}

#[inline]
fn finish(state: &State, outcome: Outcome) -> Result<i32, Fault> {
    let Some(lease) = state.take_lease(state.ticket()) else { return Ok(0) };
    lease.finish(outcome);
    Ok(1)
}

/// JavaScript's number as a whole one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and `lib/` has checked"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}

/// To the nearest nanosecond; none for NaN.
fn milliseconds(number: f64) -> Option<Duration> {
    if number.is_nan() { None } else { Some(Duration::from_nanos(whole((number * 1e6).round()))) }
}

/// The number of no pool: the only one, where there is one.
const NO_POOL: u32 = u32::MAX;

//! The hot calls: from what stands in the mailbox to the core and back.
//!
//! JavaScript has checked every argument, so a fault that is found here is an error in `lib/`.

use std::{ffi::CStr, time::Duration};

use tenantry::{FailureCause, Outcome};

use crate::{
    amounts::Amounts,
    numbers::{milliseconds, whole},
    raw::{Buffer, Call, Fault, Mailbox, Operation},
    request::{limited, with_request},
    state::State,
    tenant::whose,
};

/// `tryAcquire(tenant, session?, avoided?, key?)`, the ticket of the tenant's handle, pool, cost, priority, seats, attempt, amounts, what the session is and
/// whether addresses are avoided in the mailbox → slot or rejection.
pub(crate) struct TryAcquire;

impl Operation for TryAcquire {
    type State = State;
    const NAME: &'static CStr = c"tryAcquire";

    #[inline]
    fn run(state: &State, call: &Call) -> Result<i32, Fault> {
        with_request(state, call, |request, _| state.answer(state.balancer.try_acquire_owned(&request)))
    }
}

/// `acquire(tenant, session?, avoided?, key?)`, the same and the timeout in the mailbox → slot, rejection or `WAITING`.
pub(crate) struct Acquire;

impl Operation for Acquire {
    type State = State;
    const NAME: &'static CStr = c"acquire";

    fn run(state: &State, call: &Call) -> Result<i32, Fault> {
        let timeout = given(state.mailbox.float(Mailbox::TIME));
        with_request(state, call, |request, form| {
            let request = match timeout {
                Some(timeout) => request.timeout(timeout),
                None => request,
            };
            state.start(state.balancer.acquire_owned(request), form)
        })
    }
}

/// `check(tenant)`, the ticket of the tenant's handle, pool, cost and amounts in the mailbox → 0, or less for a rejection.
pub(crate) struct Check;

impl Operation for Check {
    type State = State;
    const NAME: &'static CStr = c"check";

    #[inline]
    fn run(state: &State, call: &Call) -> Result<i32, Fault> {
        let (mut tenant, mut handle) = (Buffer::new(), None);
        let cost = whole(state.mailbox.float(Mailbox::COST));
        let request = whose(state, call, &mut tenant, &mut handle)?.cost(cost);
        limited(state, request, |request| {
            let verdict = state.balancer.check(&request);
            Ok(state.verdict(verdict, 0))
        })
    }
}

/// `report()`, ticket and amounts in the mailbox → 1, 0 when the lease had ended, or less for a rejection.
pub(crate) struct Report;

impl Operation for Report {
    type State = State;
    const NAME: &'static CStr = c"report";

    fn run(state: &State, _: &Call) -> Result<i32, Fault> {
        let amounts = Amounts::read(&state.mailbox, &state.names.borrow())?;
        Ok(amounts.show(|amounts| state.report(state.ticket(), amounts)))
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
        if let Some(latency) = given(state.mailbox.float(Mailbox::TIME)) {
            outcome = outcome.with_latency(latency);
        }
        if let Some(wait) = given(state.mailbox.float(Mailbox::RETRY_AFTER)) {
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

/// `next()` → the next waiter that has its answer, or `WAITING` for one that is to look at another time, or `NOTHING`.
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
fn kind(state: &State) -> Result<Outcome, Fault> {
    match state.mailbox.integer(Mailbox::KIND) {
        0 => Ok(Outcome::success()),
        1 => Ok(Outcome::failure()),
        2 => Ok(Outcome::overload()),
        3 => Ok(Outcome::cancelled()),
        4 => Ok(Outcome::failure().with_cause(FailureCause::Gateway)),
        5 => Ok(Outcome::failure().with_cause(FailureCause::Connection)),
        6 => Ok(Outcome::failure().with_cause(FailureCause::Timeout)),
        _ => Err(Fault::Argument),
    }
}

#[inline]
fn finish(state: &State, outcome: Outcome) -> Result<i32, Fault> {
    let Some(lease) = state.take_lease(state.ticket()) else { return Ok(0) };
    lease.finish(outcome);
    Ok(1)
}

/// None for NaN.
fn given(number: f64) -> Option<Duration> {
    (!number.is_nan()).then(|| milliseconds(number))
}

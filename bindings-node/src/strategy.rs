//! A strategy that is a JavaScript function.
//!
//! The core asks a strategy on the thread that asks the balancer, with no lock held: within a call of JavaScript's, so the function can be called there and
//! then. It keeps strategies for longer than the environment may live (a thread remembers the last snapshot), so what it has is a number; the
//! functions are in `lib/strategies.cjs`, and the way there stands in the thread's memory only while such a call runs. At any other time, such as in a
//! finalizer, there is no way, and `p2c` serves the request.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use napi::{
    Env, Result,
    bindgen_prelude::{BigInt, Either, FnArgs, Function, FunctionRef, Uint8Array},
};
use napi_derive::napi;
use tenantry::{Candidates, Strategy, StrategySpec};

/// One endpoint, as it is at the moment.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// Its address.
    pub address: String,
    /// Its configured weight.
    pub weight: u32,
    /// The requests in flight there.
    pub in_flight: u32,
    /// Its recent peak latency, if any is known.
    pub latency_ms: Option<f64>,
    /// What it has reported of late.
    pub utilization: Option<f64>,
    /// Whether it may be picked.
    pub usable: bool,
}

/// What distinguishes one pick from the next.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Pick {
    /// Numbers the pool's requests, roughly in order.
    pub turn: u32,
    /// 64 random bits, from the balancer's seed.
    pub draw: BigInt,
    /// Whether the request has waited for its seat.
    pub waited: bool,
}

/// The number of a strategy, the candidates, the request's key, and which pick it is.
pub(crate) type Question = FnArgs<(u32, Vec<Candidate>, Option<Key>, Pick)>;

/// A request's key as JavaScript has it.
type Key = Either<String, Uint8Array>;

/// As what a request's key was given: so it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyForm {
    /// A string, or there is none.
    Text,
    /// A `Uint8Array`.
    Bytes,
}

/// What knows the functions by their numbers.
pub(crate) struct Picker {
    env: Env,
    choose: FunctionRef<Question, i32>,
}

/// The way to the functions, for one request.
#[derive(Clone)]
struct Way {
    picker: Rc<Picker>,
    form: KeyForm,
}

/// While it lives, strategies have a way to their functions.
pub(crate) struct Asking {
    before: Option<Way>,
}

/// The function of this number.
#[derive(Debug)]
struct Numbered(u32);

thread_local! {
    static WAY: RefCell<Option<Way>> = const { RefCell::new(None) };
}

/// The function of this number, as a pool takes it.
pub(crate) fn numbered(number: u32) -> StrategySpec {
    StrategySpec::custom(Arc::new(Numbered(number)))
}

impl Picker {
    pub(crate) fn new(env: &Env, choose: &Function<'_, Question, i32>) -> Result<Self> {
        Ok(Self { env: *env, choose: choose.create_ref()? })
    }

    /// An index, or what is none. `lib/` catches what functions throw; what it cannot catch is the end of the thread.
    fn choose(&self, number: u32, candidates: &Candidates<'_>, form: KeyForm) -> Result<i32> {
        let shown = candidates.iter().map(|one| Candidate {
            address: one.address().to_owned(),
            weight: one.weight(),
            in_flight: one.in_flight(),
            latency_ms: one.latency().map(|latency| latency.as_secs_f64() * 1e3),
            utilization: one.utilization(),
            usable: one.is_usable(),
        });
        let key = candidates.key().map(|key| form.shown(key));
        let pick =
            Pick { turn: candidates.turn(), draw: candidates.draw().into(), waited: candidates.has_waited() };
        self.choose.borrow_back(&self.env)?.call((number, shown.collect(), key, pick).into())
    }
}

impl KeyForm {
    fn shown(self, key: &[u8]) -> Key {
        match (self, str::from_utf8(key)) {
            (Self::Text, Ok(text)) => Either::A(text.to_owned()),
            // Two keys that differ are never shown as one.
            (Self::Text, Err(_)) | (Self::Bytes, _) => Either::B(Uint8Array::from(key)),
        }
    }
}

impl Asking {
    pub(crate) fn begin(picker: &Rc<Picker>, form: KeyForm) -> Self {
        Self { before: WAY.replace(Some(Way { picker: Rc::clone(picker), form })) }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        drop(WAY.replace(self.before.take()));
    }
}

impl Strategy for Numbered {
    fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
        let Way { picker, form } = WAY.try_with(|way| way.borrow().clone()).ok()??;
        usize::try_from(picker.choose(self.0, candidates, form).ok()?).ok()
    }
}

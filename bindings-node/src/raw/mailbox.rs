//! Memory that both sides see.

use std::{
    marker::PhantomData,
    ptr::{self, NonNull},
    rc::Rc,
};

use napi::{Env, Error, JsValue, Result as NapiResult, Status, bindgen_prelude::Object, sys};

use super::check;

/// A few words that both sides see: what a call says beside its arguments and its answer.
pub(crate) struct Mailbox {
    words: NonNull<[u64; WORDS]>,
    env: sys::napi_env,
    reference: sys::napi_ref,
    /// Its memory belongs to the environment's thread.
    thread: PhantomData<Rc<()>>,
}

impl Mailbox {
    /// An integer: a ticket's slot: of what is given, or of what the call is about.
    pub(crate) const SLOT: usize = 0;
    /// An integer: a ticket's generation.
    pub(crate) const GENERATION: usize = 1;
    /// An integer: the number of the lease's address.
    pub(crate) const ADDRESS: usize = 2;
    /// An integer: the number of the wanted pool.
    pub(crate) const POOL: usize = 3;
    /// An integer: the kind of the outcome.
    pub(crate) const KIND: usize = 4;
    /// An integer: how urgent a request is.
    pub(crate) const PRIORITY: usize = 5;
    /// An integer: how many seats it takes.
    pub(crate) const SEATS: usize = 14;
    /// An integer: which attempt it is.
    pub(crate) const ATTEMPT: usize = 15;
    /// An integer: how many amounts are declared or reported.
    pub(crate) const DECLARED: usize = 16;
    /// An integer: what is given beside the key, if anything.
    pub(crate) const SESSION: usize = 17;
    /// An integer: 1 where a list of addresses to avoid is given.
    pub(crate) const AVOIDING: usize = 42;
    /// Integers, so many as may be: the numbers of their dimensions' names.
    pub(crate) const DIMENSIONS: usize = 18;
    /// A float: a rejection's figure, or the milliseconds to wait.
    pub(crate) const FIGURE: usize = 3;
    /// A float: what a request costs.
    pub(crate) const COST: usize = 4;
    /// A float: the milliseconds of a timeout or a latency.
    pub(crate) const TIME: usize = 5;
    /// A float: the milliseconds until an endpoint wants more.
    pub(crate) const RETRY_AFTER: usize = 6;
    /// Floats, so many as may be: the amounts.
    pub(crate) const AMOUNTS: usize = 13;

    /// Makes it, and puts it on `object` as the `ArrayBuffer` `mailbox`.
    pub(crate) fn new(env: &Env, object: &Object<'_>) -> NapiResult<Self> {
        let (mut memory, mut buffer, mut reference) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: `env` is alive. V8's memory is zeroed, aligned to 8 bytes or more, and does not move while the buffer lives;
        // the strong reference keeps it alive, and `lib/` neither shares nor transfers it.
        unsafe {
            check(sys::napi_create_arraybuffer(env.raw(), WORDS * 8, &raw mut memory, &raw mut buffer))?;
            check(sys::napi_set_named_property(
                env.raw(),
                object.value().value,
                c"mailbox".as_ptr(),
                buffer,
            ))?;
            check(sys::napi_create_reference(env.raw(), buffer, 1, &raw mut reference))?;
        }
        let words = NonNull::new(memory.cast()).ok_or_else(|| Error::from_status(Status::GenericFailure))?;
        Ok(Self { words, env: env.raw(), reference, thread: PhantomData })
    }

    #[inline]
    pub(crate) fn integer(&self, index: usize) -> u32 {
        // SAFETY: in bounds and aligned; JavaScript does not run meanwhile.
        unsafe { self.words.cast::<u32>().add(index % (WORDS * 2)).read() }
    }

    #[inline]
    pub(crate) fn put_integer(&self, index: usize, value: u32) {
        // SAFETY: as above.
        unsafe { self.words.cast::<u32>().add(index % (WORDS * 2)).write(value) };
    }

    #[inline]
    pub(crate) fn float(&self, index: usize) -> f64 {
        // SAFETY: as above.
        unsafe { self.words.cast::<f64>().add(index % WORDS).read() }
    }

    #[inline]
    pub(crate) fn put_float(&self, index: usize, value: f64) {
        // SAFETY: as above.
        unsafe { self.words.cast::<f64>().add(index % WORDS).write(value) };
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // SAFETY: made by `new`, deleted once. The state is dropped by finalizers, on the thread of `env` and while it is alive.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// The mailbox's size in 64-bit words.
const WORDS: usize = 32;

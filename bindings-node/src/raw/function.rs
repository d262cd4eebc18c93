//! Functions that JavaScript calls.

use std::{
    ffi::{CStr, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    rc::Rc,
};

use napi::{Env, JsValue, Result as NapiResult, bindgen_prelude::Object, sys};

use super::{Call, call::ARGUMENTS, check};

/// One hot call.
pub(crate) trait Operation {
    /// What it works on.
    type State: 'static;
    /// Its name in JavaScript.
    const NAME: &'static CStr;

    fn run(state: &Self::State, call: &Call) -> Result<i32, Fault>;
}

/// Why a hot call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An argument that `lib/` should have refused.
    Argument,
    /// More leases, waiters or handles than tickets can number.
    TooMany,
}

/// Puts the operation on `object` as a function.
pub(crate) fn define<O: Operation>(env: &Env, object: &Object<'_>, state: &Rc<O::State>) -> NapiResult<()> {
    let data = Rc::into_raw(Rc::clone(state)).cast_mut().cast::<c_void>();
    let mut function = ptr::null_mut();
    // SAFETY: `env` is alive, the name ends in NUL, and `enter::<O>` reads `data` as what it is.
    let status = unsafe {
        sys::napi_create_function(env.raw(), O::NAME.as_ptr(), -1, Some(enter::<O>), data, &raw mut function)
    };
    let status = if status == sys::Status::napi_ok {
        // SAFETY: both are values of this scope; the finalizer gives back the count taken above, and runs once.
        unsafe {
            sys::napi_add_finalizer(
                env.raw(),
                function,
                data,
                Some(release::<O::State>),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        }
    } else {
        status
    };
    if status != sys::Status::napi_ok {
        // SAFETY: no finalizer will do it, and the function, if there is one, is never reachable from JavaScript.
        unsafe { Rc::decrement_strong_count(data.cast::<O::State>()) };
        return check(status);
    }
    // SAFETY: all three are values of this scope, and the name ends in NUL.
    check(unsafe {
        sys::napi_set_named_property(env.raw(), object.value().value, O::NAME.as_ptr(), function)
    })
}

/// Where Node comes in.
unsafe extern "C" fn enter<O: Operation>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // Unwind safe: the state's cells are released by unwinding, and the core holds its invariants by its guards.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let (mut count, mut arguments, mut data) = (ARGUMENTS, [ptr::null_mut(); ARGUMENTS], ptr::null_mut());
        // SAFETY: `arguments` has room for `count`; Node fills what the caller left out with `undefined`.
        let status = unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &raw mut count,
                arguments.as_mut_ptr(),
                ptr::null_mut(),
                &raw mut data,
            )
        };
        if status != sys::Status::napi_ok || data.is_null() {
            return Err(Fault::Argument);
        }
        // SAFETY: `define` made it from an `Rc` of this type, and the function that is running owns a count of it.
        let state = unsafe { &*data.cast::<O::State>() };
        // SAFETY: this call runs until `run` has returned, and `run` sees the `Call` by reference only.
        O::run(state, &unsafe { Call::new(env, arguments, count) })
    }));
    match result {
        Ok(Ok(answer)) => {
            let mut value = ptr::null_mut();
            // SAFETY: `env` is alive during the call. On failure null is returned, which is `undefined`.
            unsafe { sys::napi_create_int32(env, answer, &raw mut value) };
            value
        }
        Ok(Err(Fault::Argument)) => throw(env, c"tenantry: an argument has the wrong type"),
        Ok(Err(Fault::TooMany)) => {
            throw(env, c"tenantry: more leases, waiters or handles than can be numbered")
        }
        Err(_) => throw(env, c"tenantry: internal panic; this is a bug, please report it"),
    }
}

unsafe extern "C" fn release<T>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `data` is the count that `define` took; Node calls this once, after the function is gone.
    let state = unsafe { Rc::from_raw(data.cast::<T>()) };
    // A panic must not cross the border here either; there is nobody to tell.
    drop(catch_unwind(AssertUnwindSafe(|| drop(state))));
}

#[cold]
fn throw(env: sys::napi_env, message: &CStr) -> sys::napi_value {
    // SAFETY: `env` is alive during the call, and both texts end in NUL.
    unsafe { sys::napi_throw_error(env, c"TENANTRY_INTERNAL".as_ptr(), message.as_ptr()) };
    ptr::null_mut()
}

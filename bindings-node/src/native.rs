//! The cold calls: making a balancer, changing it, reading it.

use std::{
    hint::black_box,
    rc::Rc,
    time::{Duration, Instant},
};

use napi::{
    Env, Error, Result, Status,
    bindgen_prelude::{BigInt, Either, Function, JsObjectValue, Object},
};
use napi_derive::napi;
use tenantry::{Balancer, HealthOverride, Outcome, Request};

use crate::{
    clock::NativeClock,
    config::{Document, Refusal, read},
    operations::{
        Acquire, Cancel, Check, Finish, FinishMeasured, FirstByte, Next, Panic, PollWaiter, Report,
        TryAcquire, on_demand,
    },
    raw::{Mailbox, define},
    rejections::{Figure, example, figure, with_figure},
    state::State,
    strategy::{Picker, Question},
    tenant::{DropHandle, Handle},
    wakes::Wakes,
};

/// The version of the core.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A balancer's cold calls.
#[napi]
#[derive(Debug)]
pub struct NativeBalancer {
    pub(crate) state: Rc<State>,
}

/// What rejections of one kind have in common.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct RejectionKind {
    /// The stable code.
    pub code: String,
    /// Whether trying again is useless.
    pub permanent: bool,
    /// Whether the figure is the nanoseconds to wait.
    pub retry: bool,
    /// Whether the figure is a limit.
    pub limit: bool,
}

/// Makes a balancer, and puts its hot calls on `operations`, where it finds `choose`, which asks strategies that are functions.
///
/// # Errors
/// When Node fails; a bad configuration is an answer.
#[napi(catch_unwind)]
pub fn open(
    env: &Env,
    operations: Object<'_>,
    document: Document,
    clock: Option<&NativeClock>,
    on_wake: Function<'_, (), ()>,
) -> Result<Either<NativeBalancer, Refusal>> {
    let made = read(&document).and_then(|config| {
        let made = match clock {
            Some(clock) => Balancer::with_clock(config, clock.shared()),
            None => Balancer::new(config),
        };
        made.map_err(Refusal::from)
    });
    let balancer = match made {
        Ok(balancer) => balancer,
        Err(refusal) => return Ok(Either::B(refusal)),
    };
    let choose: Function<'_, Question, i32> = operations.get_named_property("choose")?;
    let mailbox = Mailbox::new(env, &operations)?;
    let state = Rc::new(State::new(balancer, mailbox, Wakes::new(&on_wake)?, Picker::new(env, &choose)?));
    document.asks(&state);
    define::<TryAcquire>(env, &operations, &state)?;
    define::<Acquire>(env, &operations, &state)?;
    define::<Check>(env, &operations, &state)?;
    define::<Handle>(env, &operations, &state)?;
    define::<DropHandle>(env, &operations, &state)?;
    define::<Report>(env, &operations, &state)?;
    define::<Finish>(env, &operations, &state)?;
    define::<FinishMeasured>(env, &operations, &state)?;
    define::<FirstByte>(env, &operations, &state)?;
    define::<Next>(env, &operations, &state)?;
    define::<PollWaiter>(env, &operations, &state)?;
    define::<Cancel>(env, &operations, &state)?;
    define::<Panic>(env, &operations, &state)?;
    Ok(Either::A(NativeBalancer { state }))
}

/// What rejections of this number have in common.
#[napi(catch_unwind)]
pub fn rejection_kind(number: u32) -> Option<RejectionKind> {
    let rejection = example(number as usize)?;
    let (figure, _) = figure(&rejection);
    Some(RejectionKind {
        code: rejection.code().to_owned(),
        permanent: rejection.is_permanent(),
        retry: figure == Figure::RetryAfter,
        limit: figure == Figure::Limit,
    })
}

/// The text of a rejection of this number with this figure.
#[napi(catch_unwind)]
pub fn describe_rejection(number: u32, figure: f64) -> Option<String> {
    example(number as usize).map(|rejection| with_figure(rejection, figure).to_string())
}

#[napi]
impl NativeBalancer {
    /// Decides on an endpoint's health for so many milliseconds, or until it is taken back, which is what no health means: why not, if so.
    #[napi(catch_unwind)]
    pub fn override_health(
        &self,
        pool: String,
        address: String,
        health: Option<String>,
        time: Option<f64>,
    ) -> Option<Refusal> {
        let balancer = &self.state.balancer;
        // Beyond what a `Duration` holds is for ever.
        let time = time.map(|millis| Duration::try_from_secs_f64(millis / 1e3).unwrap_or(Duration::MAX));
        let made = match health.as_deref().and_then(HealthOverride::from_name) {
            Some(kind) => balancer.override_health(&pool, &address, kind, time),
            None => balancer.clear_health_override(&pool, &address),
        };
        made.err().map(Refusal::from)
    }

    /// What is true now, as JSON.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.stats()))
    }

    /// What is true now of one tenant, as JSON: `null` where nobody has this id.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn tenant_stats(&self, tenant: String) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.tenant_stats(&tenant)))
    }

    /// What is left of a tenant's limits, as JSON: `null` where nobody has this id.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn limits_of(&self, tenant: String) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.limits_of(&tenant)))
    }

    /// What is left of a tenant's own limits, as JSON: `null` where nobody has this id.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn own_limits_of(&self, tenant: String) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.own_limits_of(&tenant)))
    }

    /// Compares endpoints where that is due: the milliseconds until the next time.
    #[napi(catch_unwind)]
    pub fn compare_endpoints(&self) -> Option<f64> {
        self.state.balancer.compare_endpoints().map(|wait| wait.as_secs_f64() * 1e3)
    }

    /// What is true now of one pool, as JSON: `null` where there is none of this name.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn pool_stats(&self, pool: String) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.pool_stats(&pool)))
    }

    /// Some of all tenants, as JSON.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn tenant_page(&self, start: u32, most: u32) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.tenant_page(start, most)))
    }

    /// The moment on the balancer's clock.
    #[napi(catch_unwind)]
    pub fn now(&self) -> BigInt {
        self.state.balancer.now().as_nanos().into()
    }

    /// The address of this number.
    #[napi(catch_unwind)]
    pub fn address(&self, number: u32) -> Option<String> {
        self.state.addresses.borrow().text(number).map(|text| text.as_ref().to_owned())
    }

    /// The number of a pool's or a dimension's name, whether there is one or not.
    #[napi(catch_unwind)]
    pub fn number(&self, name: String) -> u32 {
        self.state.names.borrow_mut().number(&name)
    }

    /// Numbers addresses anew.
    #[napi(catch_unwind)]
    pub fn forget_addresses(&self) {
        self.state.addresses.borrow_mut().clear();
    }

    /// Numbers names anew.
    #[napi(catch_unwind)]
    pub fn forget_names(&self) {
        self.state.names.borrow_mut().clear();
    }

    /// Nanoseconds that `rounds` decisions take in Rust alone; for the benchmark of the border.
    #[napi(catch_unwind)]
    pub fn measure(&self, tenant: String, pool: Option<String>, rounds: u32) -> f64 {
        let request = Request::new(&tenant);
        let request = match &pool {
            Some(pool) => request.pool(pool),
            None => request,
        };
        let start = Instant::now();
        for _ in 0..rounds {
            if let Ok(lease) = black_box(self.state.balancer.try_acquire(black_box(&request))) {
                lease.finish(Outcome::success());
            }
        }
        start.elapsed().as_secs_f64() * 1e9
    }

    /// The tests hold that the process survives it.
    ///
    /// # Panics
    /// Always.
    #[napi(catch_unwind)]
    pub fn panic(&self) {
        on_demand();
    }
}

pub(crate) fn json(value: serde_json::Result<String>) -> Result<String> {
    value.map_err(|error| Error::new(Status::GenericFailure, error.to_string()))
}

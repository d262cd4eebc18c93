//! The cold calls: making a balancer, changing it, reading it.

use std::{hint::black_box, rc::Rc, time::Instant};

use napi::{
    Env, Error, Result, Status,
    bindgen_prelude::{BigInt, Either, Function, Object},
};
use napi_derive::napi;
use tenantry::{Balancer, Config, ConfigError, Format, Outcome, Request};

use crate::{
    clock::NativeClock,
    operations::{
        Acquire, Cancel, Finish, FinishMeasured, FirstByte, Next, Panic, PollWaiter, TryAcquire, on_demand,
    },
    raw::{Mailbox, define},
    rejections::{Figure, example, figure, with_figure},
    state::State,
    wakes::Wakes,
};

/// The version of the core.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A balancer's cold calls.
#[napi]
#[derive(Debug)]
pub struct NativeBalancer {
    state: Rc<State>,
}

/// A configuration as text.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Document {
    /// The text.
    pub text: String,
    /// How it is written: the ending of such files, without the dot.
    pub format: String,
}

/// Why a configuration was refused.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// Where.
    pub path: String,
    /// What stands there.
    pub value: String,
    /// What would be right.
    pub fix: String,
    /// All of it, for people.
    pub message: String,
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

/// Makes a balancer, and puts its hot calls on `operations`.
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
    let mailbox = Mailbox::new(env, &operations)?;
    let state = Rc::new(State::new(balancer, mailbox, Wakes::new(&on_wake)?));
    define::<TryAcquire>(env, &operations, &state)?;
    define::<Acquire>(env, &operations, &state)?;
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
    /// Puts another configuration in force; why not, if it is refused.
    #[napi(catch_unwind)]
    pub fn reconfigure(&self, document: Document) -> Option<Refusal> {
        let made =
            read(&document).and_then(|config| self.state.balancer.reconfigure(config).map_err(Refusal::from));
        if made.is_ok() {
            self.state.addresses.borrow_mut().clear();
        }
        made.err()
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

    /// What has happened since this was last asked, as JSON.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn take_events(&self) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.take_events()))
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
        self.state.addresses.borrow().text(number).map(str::to_owned)
    }

    /// The number of the pool of this name, whether there is one or not.
    #[napi(catch_unwind)]
    pub fn pool(&self, name: String) -> u32 {
        self.state.pools.borrow_mut().number(&name)
    }

    /// Numbers pools anew.
    #[napi(catch_unwind)]
    pub fn forget_pools(&self) {
        self.state.pools.borrow_mut().clear();
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

impl Refusal {
    fn of_format(format: &str) -> Self {
        let fix = "write it as .json, .toml, .yaml or .yml".to_owned();
        let message = format!("files that end in {format:?} cannot be read: {fix}");
        Self { path: ".".to_owned(), value: format!("{format:?}"), fix, message }
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self {
            path: error.path().to_owned(),
            value: error.value().to_owned(),
            fix: error.fix().to_owned(),
            message: error.to_string(),
        }
    }
}

fn read(document: &Document) -> std::result::Result<Config, Refusal> {
    match Format::from_extension(&document.format) {
        Some(format) => Config::from_text(&document.text, format).map_err(Refusal::from),
        None => Err(Refusal::of_format(&document.format)),
    }
}

fn json(value: serde_json::Result<String>) -> Result<String> {
    value.map_err(|error| Error::new(Status::GenericFailure, error.to_string()))
}

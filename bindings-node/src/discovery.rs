//! Discoveries: endpoints that the application finds.

use napi::{Either, bindgen_prelude::BigInt};
use napi_derive::napi;
use tenantry::{Discovery, DiscoverySpec, DiscoveryStatus, Format};

use crate::{config::Refusal, native::NativeBalancer, numbers::milliseconds};

/// One source of one pool's endpoints, until it is closed or collected.
#[napi]
#[derive(Debug)]
pub struct NativeDiscovery {
    discovery: Option<Discovery>,
}

/// When to ask, and what an answer may do; `lib/` has checked the figures, and what is left out is the core's default.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct DiscoverySettings {
    /// The shortest time between two questions.
    pub floor_ms: Option<f64>,
    /// The longest.
    pub ceiling_ms: Option<f64>,
    /// The longest share that is added to a wait.
    pub jitter: Option<f64>,
    /// The first wait after a failure.
    pub first_retry_ms: Option<f64>,
    /// The longest.
    pub longest_retry_ms: Option<f64>,
    /// Whether an empty answer empties the pool.
    pub may_empty: bool,
    /// The most endpoints of an answer.
    pub most_endpoints: Option<u32>,
}

/// How a discovery is doing; moments are nanoseconds on the balancer's clock.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct DiscoveryFacts {
    /// The pool.
    pub pool: String,
    /// What is asked.
    pub source: String,
    /// How many the last good answer had.
    pub endpoints: f64,
    /// When it came.
    pub last_success_ns: Option<BigInt>,
    /// The newest failure.
    pub last_failure: Option<DiscoveryFailureFacts>,
    /// Failures in a row.
    pub failures: u32,
    /// When it asks again.
    pub next_refresh_ns: BigInt,
}

/// What went wrong.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct DiscoveryFailureFacts {
    /// When.
    pub at_ns: BigInt,
    /// What.
    pub problem: String,
}

#[napi]
impl NativeBalancer {
    /// A discovery of a pool's endpoints; why not, if that is refused.
    #[napi(catch_unwind)]
    pub fn discovery(
        &self,
        pool: String,
        source: String,
        settings: DiscoverySettings,
    ) -> Either<NativeDiscovery, Refusal> {
        match self.state.balancer.discovery(&pool, source, settings.into()) {
            Ok(discovery) => Either::A(NativeDiscovery { discovery: Some(discovery) }),
            Err(error) => Either::B(error.into()),
        }
    }

    /// How all discoveries are doing.
    #[napi(catch_unwind)]
    pub fn discoveries(&self) -> Vec<DiscoveryFacts> {
        self.state.balancer.discoveries().iter().map(DiscoveryFacts::from).collect()
    }
}

#[napi]
impl NativeDiscovery {
    /// These are all, given as JSON, for so many milliseconds; why not, if they cannot be used.
    #[napi(catch_unwind)]
    pub fn found(&mut self, endpoints: String, ttl: Option<f64>) -> Option<Refusal> {
        let told = self.discovery.as_mut()?.handle_text(&endpoints, Format::Json, ttl.map(milliseconds));
        told.err().map(Refusal::from)
    }

    /// There is no answer.
    #[napi(catch_unwind)]
    pub fn failed(&mut self, problem: String) {
        if let Some(discovery) = &mut self.discovery {
            discovery.handle_failure(&problem);
        }
    }

    /// A part of the answer was missing.
    #[napi(catch_unwind)]
    pub fn note(&mut self, problem: String) {
        if let Some(discovery) = &mut self.discovery {
            discovery.note(&problem);
        }
    }

    /// The milliseconds until it is time to ask.
    #[napi(catch_unwind)]
    pub fn due_in(&self) -> Option<f64> {
        self.discovery.as_ref()?.due_in().map(|wait| wait.as_secs_f64() * 1e3)
    }

    /// How it is doing.
    #[napi(catch_unwind)]
    pub fn status(&self) -> Option<DiscoveryFacts> {
        self.discovery.as_ref()?.status().as_ref().map(DiscoveryFacts::from)
    }

    /// Ends it.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        drop(self.discovery.take());
    }
}

impl From<DiscoverySettings> for DiscoverySpec {
    fn from(settings: DiscoverySettings) -> Self {
        let mut spec = Self::new();
        if let Some(floor) = settings.floor_ms {
            spec = spec.with_floor(milliseconds(floor));
        }
        if let Some(ceiling) = settings.ceiling_ms {
            spec = spec.with_ceiling(milliseconds(ceiling));
        }
        if let Some(share) = settings.jitter {
            spec = spec.with_jitter(share);
        }
        if let Some(wait) = settings.first_retry_ms {
            spec = spec.with_first_retry(milliseconds(wait));
        }
        if let Some(wait) = settings.longest_retry_ms {
            spec = spec.with_longest_retry(milliseconds(wait));
        }
        if let Some(most) = settings.most_endpoints {
            spec = spec.with_most_endpoints(most);
        }
        if settings.may_empty { spec.may_empty() } else { spec }
    }
}

impl From<&DiscoveryStatus> for DiscoveryFacts {
    fn from(status: &DiscoveryStatus) -> Self {
        Self {
            pool: status.pool().to_owned(),
            source: status.source().to_owned(),
            endpoints: status.endpoints() as f64,
            last_success_ns: status.last_success().map(|at| at.as_nanos().into()),
            last_failure: status.last_failure().map(|failure| DiscoveryFailureFacts {
                at_ns: failure.at().as_nanos().into(),
                problem: failure.problem().to_owned(),
            }),
            failures: status.failures(),
            next_refresh_ns: status.next_refresh().as_nanos().into(),
        }
    }
}

//! Discoveries: what was found becomes a pool's endpoints, and what failed is seen.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use super::{Balancer, state::State};
#[cfg(feature = "config")]
use crate::config::Format;
use crate::{
    config::{ConfigError, DiscoverySpec, EndpointSpec, key, quoted},
    discovery::{DiscoveryStatus, Schedule, SourceId},
    event::{Event, evidence},
    time::Time,
};

impl Balancer {
    /// Keeps a pool's endpoints as somebody finds them: in DNS, in a file, anywhere. `source` is what statuses and events call it. It asks nobody itself; whoever
    /// has it asks when it says so, and hands in the answers. Package `tenantry-tower` has a runner for DNS, files and tower's `Discover`.
    ///
    /// Endpoints that the configuration names stay beside those that are found. Several discoveries may share a pool.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tenantry::{Balancer, Config, DiscoverySpec, EndpointSpec, PoolSpec};
    ///
    /// let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::default()))?;
    /// let mut discovery = balancer.discovery("api", "dns api.internal", DiscoverySpec::new())?;
    /// // The name's answer, and how long it holds:
    /// let found = [EndpointSpec::new("http://10.0.0.1:8080"), EndpointSpec::new("http://10.0.0.2:8080")];
    /// discovery.handle_found(&found, Some(Duration::from_secs(60)))?;
    /// assert_eq!(balancer.pool_stats("api").map(|pool| pool.endpoints().len()), Some(2));
    /// discovery.handle_failure("the name server does not answer");
    /// assert_eq!(balancer.pool_stats("api").map(|pool| pool.endpoints().len()), Some(2));
    /// assert_eq!(discovery.status().map(|status| status.failures()), Some(1));
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such pool, or a setting is out of its bounds.
    pub fn discovery(
        &self,
        pool: &str,
        source: impl Into<String>,
        spec: DiscoverySpec,
    ) -> Result<Discovery, ConfigError> {
        spec.validate()?;
        let state = self.shared();
        let mut register = state.registry.lock();
        if state.published.load().named(pool).is_none() {
            return Err(no_such_pool(pool));
        }
        let now = state.clock.now();
        let id = register.discovered.open(pool, source.into(), now);
        let seed = register.seed.wrapping_add(id.number());
        Ok(Discovery {
            state: Arc::downgrade(state),
            pool: pool.into(),
            id,
            schedule: Schedule::new(spec, seed, now),
        })
    }

    /// How this balancer's discoveries are doing, by pool.
    #[must_use]
    pub fn discoveries(&self) -> Vec<DiscoveryStatus> {
        self.state().registry.lock().discovered.statuses().cloned().collect()
    }
}

/// One source of one pool's endpoints: [`Balancer::discovery`]. It does not keep the balancer alive.
///
/// Answers become the pool's endpoints by what differs: those that stay keep their load, health and requests in flight, those that are gone get nothing new and
/// end what they have. What it has found outlasts [`Balancer::reconfigure`], as long as this lives; when this is dropped, it stays until another discovery of
/// the pool has an answer, or the next `reconfigure`.
pub struct Discovery {
    state: Weak<State>,
    pool: Box<str>,
    id: SourceId,
    schedule: Schedule,
}

impl Discovery {
    /// When to ask, on the balancer's clock: [`Balancer::now`].
    #[must_use]
    pub const fn next_refresh(&self) -> Time {
        self.schedule.next_refresh()
    }

    /// How long from now on until it is time to ask; `None` when the balancer is gone.
    #[must_use]
    pub fn due_in(&self) -> Option<Duration> {
        self.state.upgrade().map(|state| self.next_refresh().since(state.clock.now()))
    }

    /// These are all endpoints of this source, for so long; with `None` the source is asked again at once, and itself waits until something changes.
    ///
    /// # Errors
    /// When the answer is empty and [may not be](DiscoverySpec::may_empty), too long, or cannot be configured so. Then the pool stays as it was, and it
    /// counts as a failure.
    pub fn handle_found(&mut self, found: &[EndpointSpec], ttl: Option<Duration>) -> Result<(), ConfigError> {
        let Some(state) = self.state.upgrade() else { return Ok(()) };
        if let Err(error) = self.check(found).and_then(|()| state.apply_found((&self.pool, self.id), found)) {
            self.handle_failure(&error.to_string());
            return Err(error);
        }
        let failures = self.schedule.failures();
        let now = state.clock.now();
        self.schedule.handle_answer(ttl, now);
        let source = self.renew_status(&state, |status| {
            status.endpoints = found.len();
            status.last_success = Some(now);
        });
        if failures > 0 {
            state.events.add(Event::DiscoveryRecovered { pool: self.pool.to_string(), source, failures });
        }
        Ok(())
    }

    /// The same of a list in text, as [`EndpointSpec::list_from_text`] reads it.
    ///
    /// # Errors
    /// The same, and when it cannot be read; that counts as a failure, too.
    #[cfg(feature = "config")]
    pub fn handle_text(
        &mut self,
        text: &str,
        format: Format,
        ttl: Option<Duration>,
    ) -> Result<(), ConfigError> {
        let found = EndpointSpec::list_of_pool(&self.pool, text, format)
            .inspect_err(|error| self.handle_failure(&error.to_string()))?;
        self.handle_found(&found, ttl)
    }

    /// There is no answer: everything stays as it is. Of the problem 256 characters are kept.
    pub fn handle_failure(&mut self, problem: &str) {
        let Some(state) = self.state.upgrade() else { return };
        let (problem, now) = (evidence(problem), state.clock.now());
        self.schedule.handle_failure(now);
        let source = self.renew_status(&state, |status| status.note(problem.clone(), now));
        // Of a row the first: a source that is gone for a week must not drown other events.
        if self.schedule.failures() == 1 {
            let pool = self.pool.to_string();
            state.events.add(Event::DiscoveryFailed { pool, source, problem });
        }
    }

    /// The answer was good but for a part, for which the last good one stood in: seen in the status, and no failure. Of the problem 256 characters are kept.
    pub fn note(&mut self, problem: &str) {
        let Some(state) = self.state.upgrade() else { return };
        let now = state.clock.now();
        self.renew_status(&state, |status| status.note(evidence(problem), now));
    }

    /// How it is doing; `None` when the balancer is gone.
    #[must_use]
    pub fn status(&self) -> Option<DiscoveryStatus> {
        let state = self.state.upgrade()?;
        let mut register = state.registry.lock();
        register.discovered.status_mut(&self.pool, self.id).cloned()
    }

    fn check(&self, found: &[EndpointSpec]) -> Result<(), ConfigError> {
        let (spec, path) = (self.schedule.spec(), format!("pools.{}.endpoints", key(&self.pool)));
        if found.is_empty() && !spec.is_emptying() {
            let fix =
                "an empty answer leaves the pool as it is; to let it empty the pool, allow that (may_empty)";
            return Err(ConfigError::new(path, "[]", fix));
        }
        if found.len() > spec.most_endpoints() as usize {
            let fix = format!("find at most {}, or allow more", spec.most_endpoints());
            return Err(ConfigError::new(path, format!("{} endpoints", found.len()), fix));
        }
        Ok(())
    }

    /// Changes the status; returns the source's name.
    fn renew_status(&self, state: &State, change: impl FnOnce(&mut DiscoveryStatus)) -> String {
        let mut register = state.registry.lock();
        let Some(status) = register.discovered.status_mut(&self.pool, self.id) else { return String::new() };
        change(status);
        status.failures = self.schedule.failures();
        status.next_refresh = self.schedule.next_refresh();
        status.source.clone()
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        if let Some(state) = self.state.upgrade() {
            state.registry.lock().discovered.close(&self.pool, self.id);
        }
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl State {
    /// Makes what was found the pool's, or changes nothing.
    fn apply_found(&self, (pool, id): (&str, SourceId), found: &[EndpointSpec]) -> Result<(), ConfigError> {
        let mut register = self.registry.lock();
        let snapshot = self.published.load();
        let service = snapshot.named(pool).ok_or_else(|| no_such_pool(pool))?;
        let there = service.spec.endpoints();
        let plan = register.discovered.plan((pool, id), found, there);
        let (added, removed) = plan.counts(there);
        let changed = if plan.changes.is_empty() {
            None
        } else {
            Some(self.publish_endpoints(&register, pool, &plan.changes)?)
        };
        register.discovered.commit((pool, id), found, plan);
        let source = register.discovered.status_mut(pool, id).map(|status| status.source.clone());
        drop(register);
        let Some(service) = changed else { return Ok(()) };
        self.follow_endpoints(&service);
        self.events.add(Event::EndpointsDiscovered {
            pool: pool.to_owned(),
            source: source.unwrap_or_default(),
            added,
            removed,
            endpoints: service.spec.endpoints().len(),
        });
        Ok(())
    }
}

pub(super) fn no_such_pool(pool: &str) -> ConfigError {
    let fix = "name a pool of the configuration in force";
    ConfigError::new(format!("pools.{}", key(pool)), quoted(pool), fix)
}

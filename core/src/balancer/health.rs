//! What an operator decides of an endpoint's health while everybody's requests go on.

use std::{sync::Arc, time::Duration};

use super::{
    Balancer,
    snapshot::{Service, Snapshot},
    state::State,
};
use crate::{
    condition::HealthOverride,
    config::{ConfigError, key, quoted},
    endpoint::Endpoint,
    outcome::Outcome,
    time::Time,
};

impl Balancer {
    /// Decides on an endpoint of a pool, whatever its own health is: for so long, or until it is taken back. Stays through every update that keeps the
    /// endpoint, and is no part of the configuration. The latest word counts.
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # use tenantry::{Balancer, Config, HealthOverride, HealthState, PoolSpec};
    /// # let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]);
    /// # let balancer = Balancer::new(Config::new().with_pool("api", pool))?;
    /// let hour = Duration::from_secs(3_600);
    /// balancer.override_health("api", "http://10.0.0.1:8080", HealthOverride::Disabled, Some(hour))?;
    /// let state = || balancer.pool_stats("api").map(|pool| pool.endpoints()[0].health());
    /// assert_eq!(state(), Some(HealthState::Disabled));
    /// balancer.clear_health_override("api", "http://10.0.0.1:8080")?;
    /// assert_eq!(state(), Some(HealthState::Healthy));
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such pool, or no such endpoint in it.
    pub fn override_health(
        &self,
        pool: &str,
        address: &str,
        health: HealthOverride,
        time: Option<Duration>,
    ) -> Result<(), ConfigError> {
        self.state().override_health(pool, address, Some((health, time)))
    }

    /// Takes such a decision back: the endpoint's own health counts again. No error where there was none.
    ///
    /// # Errors
    /// When there is no such pool, or no such endpoint in it.
    pub fn clear_health_override(&self, pool: &str, address: &str) -> Result<(), ConfigError> {
        self.state().override_health(pool, address, None)
    }
}

impl Balancer {
    /// Compares the endpoints of each pool with one another, where that is due, and says how long it is until the next time; `None` where nothing is compared. Whoever finishes a request
    /// does it otherwise, some endpoints at a time, so nobody has to call this; an adapter with a task of its own may, to keep it off requests.
    pub fn compare_endpoints(&self) -> Option<Duration> {
        self.state().compare_endpoints()
    }
}

impl State {
    fn compare_endpoints(&self) -> Option<Duration> {
        let (snapshot, now) = (self.published.load(), self.clock.now());
        let compare = |service: &Arc<Service>| {
            let next = service.pool.compare_all(now)?;
            service.set_seats(now);
            service.admission.hand_out_if_queued(now);
            Some(next.since(now))
        };
        snapshot.services.iter().filter_map(compare).min()
    }

    /// An endpoint may have asked to be left alone: it cools down, and those that have something in common with it.
    #[cold]
    pub(super) fn cool_down(
        &self,
        snapshot: &Snapshot,
        service: &Service,
        (endpoint, outcome): (&Endpoint, &Outcome),
        now: Time,
    ) {
        let Some(cooldown) = service.pool.cooldown(endpoint, outcome) else { return };
        service.pool.cool(endpoint, &cooldown, now);
        for other in snapshot.services.iter().filter(|other| other.pool.cool_alike(&cooldown, now)) {
            other.set_seats(now);
        }
    }

    fn override_health(
        &self,
        pool: &str,
        address: &str,
        to: Option<(HealthOverride, Option<Duration>)>,
    ) -> Result<(), ConfigError> {
        self.at_endpoint(pool, address, |service, endpoint, now| {
            service.pool.override_health(endpoint, to, now);
        })
    }

    /// Changes the health of one endpoint from outside of any request; whoever waits learns of it.
    fn at_endpoint(
        &self,
        pool: &str,
        address: &str,
        change: impl FnOnce(&Service, &Endpoint, Time),
    ) -> Result<(), ConfigError> {
        let (snapshot, now) = (self.published.load(), self.clock.now());
        let path = format!("pools.{}", key(pool));
        let Some(service) = snapshot.named(pool) else {
            let fix = "name a pool of the configuration in force";
            return Err(ConfigError::new(path, quoted(pool), fix));
        };
        let Some(endpoint) = service.pool.endpoint(address) else {
            let fix = "name the address of one of the pool's endpoints, as it is written there";
            return Err(ConfigError::new(format!("{path}.endpoints"), quoted(address), fix));
        };
        change(service, endpoint, now);
        service.set_seats(now);
        service.admission.hand_out_if_queued(now);
        Ok(())
    }
}

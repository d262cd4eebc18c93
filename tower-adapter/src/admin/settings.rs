use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value};
use tenantry::Balancer;
use tokio::time::{MissedTickBehavior, interval};

use super::{ActionError, Hosts, Token, action::Action, actions, observer::Observer};
use crate::metrics::Metrics;

/// The pages of one balancer: see [the module](super). Clones share everything; settings are for before the first clone.
///
/// It [takes](Balancer::take_events) the balancer's events: nobody else should.
#[derive(Clone)]
pub struct Admin {
    pub(super) balancer: Balancer,
    pub(super) metrics: Metrics,
    pub(super) hosts: Arc<Hosts>,
    pub(super) token: Option<Token>,
    pub(super) actions: Arc<BTreeMap<String, Action>>,
    pub(super) observer: Arc<Observer>,
    pub(super) draining: Arc<AtomicBool>,
}

impl Admin {
    /// With metrics of its own, on this machine's names, without actions.
    #[must_use]
    pub fn new(balancer: &Balancer) -> Self {
        Self {
            balancer: balancer.clone(),
            metrics: Metrics::new(balancer),
            hosts: Arc::new(Hosts::local()),
            token: None,
            actions: Arc::new(actions::of(balancer)),
            observer: Arc::new(Observer::new(MOST_EVENTS)),
            draining: Arc::default(),
        }
    }

    /// The metrics whose [`latencies`](Metrics::latencies) stand among the layers: else response times are missing.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Under which names it answers. Default: this machine's.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = Arc::new(hosts);
        self
    }

    /// Lets whoever presents this act. Default: nobody.
    #[must_use]
    pub fn with_token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// How many events are kept. Default 256.
    #[must_use]
    pub fn with_events_kept(mut self, events: usize) -> Self {
        self.observer = Arc::new(Observer::new(events));
        self
    }

    /// An action of one's own, at `/actions/NAME`: a function of the body's fields, which says what it has done. One of a known name takes its place.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use tenantry::{Balancer, Config, PoolSpec};
    /// use tenantry_tower::admin::{ActionError, Admin};
    ///
    /// # let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"])))?;
    /// let admin = Admin::new(&balancer).with_action("ban", |fields| {
    ///     let client = fields.get("client").and_then(|client| client.as_str());
    ///     let client = client.ok_or_else(|| ActionError::new("client", fields.get("client").cloned(), "name an address"))?;
    ///     Ok(json!({ "client": client }))
    /// });
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    #[must_use]
    pub fn with_action(
        mut self,
        name: impl Into<String>,
        act: impl Fn(&Map<String, Value>) -> Result<Value, ActionError> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.actions).insert(name.into(), Action::new(act));
        self
    }

    /// From now on `/healthz` answers 503, so that whoever balances in front sends no more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Adds an event of one's own to those of the balancer: an object whose `event` names its kind.
    pub fn record(&self, event: Value) {
        self.observer.add(event);
    }

    /// Takes events and reads counters once a second, for ever. Without it that happens when somebody asks, and events that nobody asks for may be lost.
    pub async fn run(self) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            drop(self.observer.look(&self.balancer));
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("hosts", &self.hosts)
            .field("token", &self.token)
            .field("actions", &self.actions.keys())
            .finish_non_exhaustive()
    }
}

const MOST_EVENTS: usize = 256;

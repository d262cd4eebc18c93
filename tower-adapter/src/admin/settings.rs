use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use serde_json::{Map, Value};
use tenantry::{Balancer, Stats};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    ActionError, Hosts, Token,
    action::Action,
    actions, bans,
    figures::AlertFigures,
    observer::{Observer, Seen},
};
use crate::{
    alert::{AlertRules, Webhook},
    guard::CurrentGuard,
    metrics::Metrics,
};

/// The pages of one balancer: see [the module](super). Clones share everything; settings are for before the first clone.
///
/// It [takes](Balancer::take_events) the balancer's events: nobody else should.
#[derive(Clone)]
pub struct Admin {
    pub(super) balancer: Balancer,
    pub(super) metrics: Metrics,
    pub(super) hosts: Arc<ArcSwap<Hosts>>,
    pub(super) token: Arc<ArcSwapOption<Token>>,
    pub(super) guard: CurrentGuard,
    pub(super) after_restart: Arc<ArcSwap<Vec<String>>>,
    pub(super) actions: Arc<BTreeMap<String, Action>>,
    pub(super) observer: Arc<Observer>,
    pub(super) draining: Arc<AtomicBool>,
}

impl Admin {
    /// With metrics of its own, on this machine's names, without actions.
    #[must_use]
    pub fn new(balancer: &Balancer) -> Self {
        let observer = Arc::new(Observer::new(MOST_EVENTS));
        Self {
            balancer: balancer.clone(),
            metrics: Metrics::new(balancer).with_alerts(AlertFigures::new(balancer, &observer)),
            hosts: Arc::new(ArcSwap::from_pointee(Hosts::local())),
            token: Arc::default(),
            guard: CurrentGuard::new(),
            after_restart: Arc::default(),
            actions: Arc::new(actions::of(balancer)),
            observer,
            draining: Arc::default(),
        }
    }

    /// The metrics whose [`latencies`](Metrics::latencies) stand among the layers: else response times are missing.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        let alerts = AlertFigures::new(&self.balancer, &self.observer);
        self.metrics = metrics.with_guard(&self.guard).with_alerts(alerts);
        self
    }

    /// Shows this guard and takes its events, in `/status`, on the dashboard and in the metrics, and bans and unbans by it. Of a [`CurrentGuard`] it is the one in force.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Into<CurrentGuard>) -> Self {
        self.guard = guard.into();
        self.metrics = self.metrics.with_guard(&self.guard);
        let actions = Arc::make_mut(&mut self.actions);
        actions.insert("ban".to_owned(), bans::ban(self.guard.clone()));
        actions.insert("unban".to_owned(), bans::unban(self.guard.clone()));
        self
    }

    /// Watches by these rules, from now on: while it [runs](Self::run), and whenever somebody looks. What fires stands in `/status` and on the dashboard; what begins and ends is an event, and is told
    /// to the webhook, by a task of tokio's. Also for clones, and as often as the rules change; what was counted is forgotten where they differ, and what
    /// fires and has no rule any more is told as over before it is dropped. A webhook of the same URL, token and [transport](Webhook::with_transport_of) is the one that is there: its
    /// messages stay in their order, and its counters go on. Where the URL is another, or there is none any more, the one before is told that what fires is over, because it will hear no more of it,
    /// and the new one that it fires.
    ///
    /// # Panics
    /// Outside of tokio, where there is a webhook.
    pub fn set_alerts(&self, rules: Option<AlertRules>, webhook: Option<Webhook>) {
        self.observer.set_alerts(rules, webhook);
    }

    /// As [`set_alerts`](Self::set_alerts), in a row with other settings.
    ///
    /// # Panics
    /// As [`set_alerts`](Self::set_alerts).
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, PoolSpec};
    /// use tenantry_tower::{admin::Admin, alert::{AlertRules, Objective}};
    ///
    /// # let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"])))?;
    /// let rules = AlertRules::recommended().with_objective(Objective::new(0.999));
    /// let admin = Admin::new(&balancer).with_alerts(rules, None);
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    #[must_use]
    pub fn with_alerts(self, rules: AlertRules, webhook: Option<Webhook>) -> Self {
        self.set_alerts(Some(rules), webhook);
        self
    }

    /// Under which names it answers. Default: this machine's.
    #[must_use]
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        self.set_hosts(hosts);
        self
    }

    /// The same from now on, also for clones.
    pub fn set_hosts(&self, hosts: Hosts) {
        self.hosts.store(Arc::new(hosts));
    }

    /// Lets whoever presents this act. Default: nobody.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        self.set_token(Some(token));
        self
    }

    /// The same from now on, also for clones; `None`: nobody acts any more.
    pub fn set_token(&self, token: Option<Token>) {
        self.token.store(token.map(Arc::new));
    }

    /// How many events are kept. Default 256.
    #[must_use]
    pub fn with_events_kept(self, events: usize) -> Self {
        self.observer.keep_events(events);
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
    /// let admin = Admin::new(&balancer).with_action("greet", |fields| {
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

    /// Says in `/status` and on the dashboard which settings somebody has changed that only a restart puts in force.
    pub fn set_after_restart<S: Into<String>>(&self, settings: impl IntoIterator<Item = S>) {
        self.after_restart.store(Arc::new(settings.into_iter().map(Into::into).collect()));
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
            drop(self.look());
        }
    }

    pub(super) fn look(&self) -> (Stats, MutexGuard<'_, Seen>) {
        self.observer.look(&self.balancer, &self.metrics, &self.guard)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("hosts", &self.hosts)
            .field("token", &self.token.load().as_deref())
            .field("actions", &self.actions.keys())
            .finish_non_exhaustive()
    }
}

const MOST_EVENTS: usize = 256;

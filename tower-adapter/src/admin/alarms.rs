//! Alerts as an [`Admin`](super::Admin) has them: looked for with every reading, told as events and to a webhook.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use tenantry::{Balancer, Stats};

use super::events::{Events, unix_ms};
use crate::{
    alert::{Alert, AlertKind, AlertRules, Alerts, BudgetUse, Observation, Sending, Webhook},
    metrics::{Metrics, unit},
};

/// Nothing, until rules are set.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: Mutex<Option<Set>>,
}

#[derive(Debug)]
struct Set {
    alerts: Alerts,
    sending: Option<Sending>,
}

impl Alarms {
    /// Puts these in force, and tells what is over because nothing watches it any more to whoever was told that it began.
    pub(super) fn set(&self, rules: Option<AlertRules>, webhook: Option<Webhook>, events: &mut Events) {
        let mut set = self.lock();
        let before = set.take();
        let mut before =
            before.unwrap_or_else(|| Set { alerts: Alerts::new(AlertRules::new()), sending: None });
        let (is_on, unix_ms) = (rules.is_some(), unix_ms());
        let over = before.alerts.set_rules(rules.unwrap_or_default(), unix_ms);
        before.tell(&over, unix_ms, events);
        let Set { alerts, sending } = before;
        let sending = hand_over(alerts.firing(), sending, webhook.filter(|_| is_on), unix_ms);
        *set = is_on.then_some(Set { alerts, sending });
    }

    /// Looks at the figures of this moment, and tells what follows.
    pub(super) fn look(
        &self,
        (balancer, metrics): (&Balancer, &Metrics),
        stats: &Stats,
        events: &mut Events,
    ) {
        let mut set = self.lock();
        let Some(set) = &mut *set else { return };
        let unix_ms = unix_ms();
        let (requests, budgets) = (metrics.request_stats(), budgets(balancer, stats, events));
        let seen = Observation::new(balancer.now(), unix_ms, stats);
        let told = set.alerts.observe(&seen.with_requests(&requests).with_budgets(&budgets));
        set.tell(&told, unix_ms, events);
    }

    /// As `/status` tells it; `null` where nothing is watched.
    pub(super) fn json(&self) -> Value {
        let set = self.lock();
        let Some(Set { alerts, sending }) = &*set else { return Value::Null };
        let firing: Vec<Value> = alerts.firing().map(|alert| alert.json()).collect();
        let mut told = json!({ "firing": firing, "untold": alerts.untold() });
        if let Some([delivered, lost]) = sending.as_ref().map(Sending::counts) {
            told["webhook"] = json!({ "delivered": delivered, "lost": lost });
        }
        told
    }

    /// The rules for Prometheus; `None` where there are none.
    pub(super) fn rules(&self) -> Option<String> {
        self.lock().as_ref().map(|set| set.alerts.rules().prometheus())
    }

    /// How many alerts of each kind fire in each pool (none: of no pool); `None` where nothing is watched.
    pub(super) fn firing(&self) -> Option<BTreeMap<(AlertKind, String), u64>> {
        let set = self.lock();
        let mut counts = BTreeMap::new();
        for key in set.as_ref()?.alerts.firing().map(Alert::key) {
            let pool = key.pool_name().unwrap_or_default().to_owned();
            *counts.entry((key.kind(), pool)).or_default() += 1;
        }
        Some(counts)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Set>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Set {
    /// As events and to the webhook.
    fn tell(&self, told: &[Alert], unix_ms: u64, events: &mut Events) {
        for alert in told {
            let mut event = alert.json();
            event["event"] = json!("alert");
            events.add(event);
        }
        if let Some(sending) = self.sending.as_ref().filter(|_| !told.is_empty()) {
            sending.send(told, unix_ms);
        }
    }
}

/// Whoever hears no more is told that what fires is over, because nobody will say so later; whoever hears from now on, that it has begun.
fn hand_over<'a>(
    firing: impl Iterator<Item = &'a Alert>,
    before: Option<Sending>,
    webhook: Option<Webhook>,
    unix_ms: u64,
) -> Option<Sending> {
    let is_the_same =
        before.as_ref().zip(webhook.as_ref()).is_some_and(|(before, next)| before.reaches(next));
    let firing: Vec<Alert> = if is_the_same { Vec::new() } else { firing.cloned().collect() };
    if let Some(before) = before.as_ref().filter(|_| !firing.is_empty()) {
        let over: Vec<Alert> = firing.iter().cloned().map(|alert| alert.resolved(unix_ms)).collect();
        before.send(&over, unix_ms);
    }
    let sending = webhook.map(|webhook| Sending::go_on(before, webhook));
    if let Some(sending) = sending.as_ref().filter(|_| !firing.is_empty()) {
        sending.send(&firing, unix_ms);
    }
    sending
}

/// Of the tenants that are listed, and of those that have been warned of.
fn budgets(balancer: &Balancer, stats: &Stats, events: &Events) -> Vec<BudgetUse> {
    let listed = stats.tenants().iter().map(tenantry::TenantStats::id);
    let warned = events.warned().filter(|id| stats.tenant(id).is_none());
    let uses = |id: &str| {
        let limits = balancer.own_limits_of(id).unwrap_or_default();
        let budgets = limits.into_iter().filter(|limit| limit.is_budget() && !limit.is_shadow());
        budgets
            .map(|limit| BudgetUse::new(id, unit(&limit), limit.used(), limit.amount()))
            .collect::<Vec<_>>()
    };
    listed.chain(warned).flat_map(uses).collect()
}

//! What has happened, for whoever runs this.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::warn;

use super::{Ban, GuardEvent, GuardSnapshot, Mode, Rule, RuleCounts};

/// Counters and the last events. The counters are read one by one, for eyes only: nothing is decided by them, so `Relaxed` will do.
#[derive(Debug, Default)]
pub(super) struct Log {
    by_rule: [Counts; Rule::ALL.len()],
    refused: AtomicU64,
    events: Mutex<VecDeque<GuardEvent>>,
}

#[derive(Debug, Default)]
struct Counts {
    offences: AtomicU64,
    bans: AtomicU64,
    shadow_bans: AtomicU64,
}

impl Log {
    pub(super) fn offence(&self, rule: Rule) {
        increment(&self.by_rule[rule.index()].offences);
    }

    pub(super) fn refused(&self) {
        increment(&self.refused);
    }

    pub(super) fn event(&self, event: GuardEvent) {
        let counts = &self.by_rule[event.rule.index()];
        increment(if event.mode == Mode::Enforce { &counts.bans } else { &counts.shadow_bans });
        warn!(
            target: "tenantry::guard",
            subject = %event.subject,
            rule = event.rule.name(),
            shadow = event.mode != Mode::Enforce,
            count = event.count,
            over_s = event.over.as_secs_f64(),
            ban_s = event.ban.as_secs_f64(),
            bans = event.bans,
            examples = ?event.examples,
            "{event}"
        );
        let mut events = self.events();
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(event);
    }

    pub(super) fn take_events(&self) -> Vec<GuardEvent> {
        self.events().drain(..).collect()
    }

    /// Without what tables know.
    pub(super) fn snapshot(&self, bans: Vec<Ban>) -> GuardSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let rules = Rule::ALL.map(|rule| {
            let counts = &self.by_rule[rule.index()];
            let (bans, shadow_bans) = (read(&counts.bans), read(&counts.shadow_bans));
            RuleCounts { rule, offences: read(&counts.offences), bans, shadow_bans }
        });
        let refused = read(&self.refused);
        GuardSnapshot { rules: rules.into(), bans, refused, displaced: 0, clients: 0, tenants: 0 }
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<GuardEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// How many events are kept until they are taken.
const KEPT: usize = 256;

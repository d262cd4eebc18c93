//! What `/metrics` tells of alerts.

use std::{fmt, sync::Arc};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};
use tenantry::{Balancer, PoolStats};

use super::observer::Observer;
use crate::alert::AlertKind;

/// Read anew for each scrape; nothing where there are no alerts.
#[derive(Debug)]
pub(super) struct AlertFigures {
    balancer: Balancer,
    observer: Arc<Observer>,
}

impl AlertFigures {
    pub(super) fn new(balancer: &Balancer, observer: &Arc<Observer>) -> Self {
        Self { balancer: balancer.clone(), observer: Arc::clone(observer) }
    }
}

impl Collector for AlertFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(mut counts) = self.observer.alarms.firing() else { return Ok(()) };
        // What does not fire is a series, too: one that begins with its first alert cannot be seen to rise.
        let stats = self.balancer.stats();
        for kind in AlertKind::ALL {
            let pools = stats.pools().iter().map(PoolStats::name).filter(|_| kind != AlertKind::Budget);
            let none = (kind == AlertKind::Budget).then_some("");
            for pool in pools.chain(none) {
                counts.entry((kind, pool.to_owned())).or_default();
            }
        }
        let help = "Alerts that fire";
        let mut family = encoder.encode_descriptor("alert_firing", help, None, MetricType::Gauge)?;
        counts.into_iter().try_for_each(|((kind, pool), count)| {
            let labels = [("alert", kind.name()), ("severity", kind.severity()), ("pool", &pool)];
            family.encode_family(&labels)?.encode_gauge(&count)
        })
    }
}

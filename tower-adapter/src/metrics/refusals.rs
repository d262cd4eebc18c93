use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};

use super::balancer::Value;

/// Counts what is refused before anybody asks whose it is, by reason. From [`Metrics::refusals`](super::Metrics::refusals); clones count together.
///
/// For servers that refuse requests themselves, as malformed or too large: no layer sees these.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    by_reason: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Refusals {
    /// One more, for this reason: a code as [`Problem::code`](crate::rejection::Problem::code), of which there are as many as the program has.
    pub fn add(&self, reason: &'static str) {
        let mut counts = self.by_reason.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(reason).or_default() += 1;
    }
}

impl Collector for Refusals {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.by_reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let help = "Requests, and connections, that were refused before anybody asked whose they are";
        let mut family = encoder.encode_descriptor("refusals", help, None, MetricType::Counter)?;
        counts
            .into_iter()
            .try_for_each(|(reason, count)| Value::Counter(count).write(&mut family, [("reason", reason)]))
    }
}

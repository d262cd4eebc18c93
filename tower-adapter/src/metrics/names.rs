use std::collections::BTreeMap;

use tenantry::{EndpointStats, PoolStats, Stats};

use crate::proxy::without_credential;

/// What endpoints are called in labels: by their addresses without credentials, and with a number behind where that leaves several of a pool alike, because no series may come twice. The number
/// goes by their order in the pool: it moves up where one before it goes.
#[derive(Debug)]
pub(super) struct Names<'a> {
    by_pool: BTreeMap<&'a str, BTreeMap<&'a str, String>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(stats: &'a Stats) -> Self {
        let each = |pool: &'a PoolStats| {
            let mut met: BTreeMap<&str, usize> = BTreeMap::new();
            let addresses = pool.endpoints().iter().map(EndpointStats::address);
            let named = addresses.map(|address| {
                let told = without_credential(address);
                let number = met.entry(told).or_default();
                *number += 1;
                let name = if *number == 1 { told.to_owned() } else { format!("{told} ({number})") };
                (address, name)
            });
            (pool.name(), named.collect())
        };
        Self { by_pool: stats.pools().iter().map(each).collect() }
    }

    /// Of an endpoint that is there.
    pub(super) fn name(&self, pool: &str, address: &str) -> Option<&str> {
        self.by_pool.get(pool)?.get(address).map(String::as_str)
    }
}

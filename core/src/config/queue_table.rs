//! A pool's queue, as the document writes it.

use serde::Deserialize;

use super::{
    CodelSpec, QueueOrder, QueueSpec,
    short::{Period, Table},
};

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table of queue bounds")]
pub(super) struct QueueTable {
    timeout: Option<Period>,
    per_tenant: Option<u32>,
    total: Option<u32>,
    order: Option<Order>,
    aging: Option<Period>,
    codel: Option<Table<CodelTable>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Order {
    Fifo,
    AdaptiveLifo,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table of a target and an interval")]
struct CodelTable {
    target: Option<Period>,
    interval: Option<Period>,
}

impl From<CodelTable> for CodelSpec {
    fn from(table: CodelTable) -> Self {
        let spec = table.target.map_or(Self::new(), |Period(target)| Self::new().with_target(target));
        table.interval.map_or(spec, |Period(interval)| spec.with_interval(interval))
    }
}

impl From<QueueTable> for QueueSpec {
    fn from(table: QueueTable) -> Self {
        let mut spec = Self::new();
        if let Some(Period(timeout)) = table.timeout {
            spec = spec.with_timeout(timeout);
        }
        if let Some(requests) = table.per_tenant {
            spec = spec.with_per_tenant(requests);
        }
        if let Some(requests) = table.total {
            spec = spec.with_total(requests);
        }
        if let Some(Order::AdaptiveLifo) = table.order {
            spec = spec.with_order(QueueOrder::AdaptiveLifo);
        }
        if let Some(Period(aging)) = table.aging {
            spec = spec.with_aging(aging);
        }
        match table.codel {
            Some(Table(codel)) => spec.with_codel(codel.into()),
            None => spec,
        }
    }
}

//! The document's shape: which keys there are, and what each becomes.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{
    CapacitySpec, Config, EndpointSpec, OutlierSpec, PoolSpec, Rate, StrategySpec, TenantSpec,
    UnknownTenants,
    queue_table::QueueTable,
    seats_table::SeatsTable,
    short::{Period, Short, ShortForm, ShortVisitor, Table, short_or_table},
};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of pools, tenants and templates")]
pub(super) struct Document {
    #[serde(deserialize_with = "short_or_table")]
    unknown_tenants: UnknownTenants,
    seed: Option<u64>,
    pools: BTreeMap<String, PoolSpec>,
    tenants: BTreeMap<String, TenantSpec>,
    templates: BTreeMap<String, TenantSpec>,
    gateway: Option<serde_json::Value>,
}

impl From<Document> for Config {
    fn from(document: Document) -> Self {
        let Document { unknown_tenants, seed, pools, tenants, templates, gateway } = document;
        let sections = gateway.map(|gateway| ("gateway".to_owned(), gateway)).into_iter().collect();
        Self { unknown_tenants, pools, tenants, templates, seed, sections }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with a pool's keys")]
struct PoolTable {
    endpoints: Vec<Short<EndpointSpec>>,
    #[serde(default, deserialize_with = "short_or_table")]
    strategy: StrategySpec,
    #[serde(default, deserialize_with = "short_or_table")]
    capacity: CapacitySpec,
    #[serde(default)]
    health: Table<HealthTable>,
    #[serde(default)]
    queue: Table<QueueTable>,
}

impl<'de> Deserialize<'de> for PoolSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table(table) = Table::<PoolTable>::deserialize(deserializer)?;
        Ok(Self {
            endpoints: table.endpoints.into_iter().map(|endpoint| endpoint.0).collect(),
            strategy: table.strategy,
            capacity: table.capacity,
            outlier: table.health.0.outlier.0.into(),
            queue: table.queue.0.into(),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table with the key outlier")]
struct HealthTable {
    outlier: Table<OutlierTable>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of ejection rules")]
struct OutlierTable {
    consecutive_failures: Option<u32>,
    ejection: Option<Period>,
    longest_ejection: Option<Period>,
    max_ejected: Option<u32>,
}

impl From<OutlierTable> for OutlierSpec {
    fn from(table: OutlierTable) -> Self {
        let mut spec = Self::new();
        if let Some(failures) = table.consecutive_failures {
            spec = spec.with_consecutive_failures(failures);
        }
        if let Some(Period(time)) = table.ejection {
            spec = spec.with_ejection(time);
        }
        if let Some(Period(time)) = table.longest_ejection {
            spec = spec.with_longest_ejection(time);
        }
        match table.max_ejected {
            Some(percent) => spec.with_max_ejected_percent(percent),
            None => spec,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with a tenant's keys")]
struct TenantTable {
    weight: Option<u32>,
    #[serde(default, deserialize_with = "one_or_list")]
    rate: Vec<Rate>,
    max_in_flight: Option<u32>,
    pools: Option<Vec<String>>,
    parent: Option<String>,
    #[serde(default)]
    seats: Table<SeatsTable>,
}

impl<'de> Deserialize<'de> for TenantSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table(table) = Table::<TenantTable>::deserialize(deserializer)?;
        let TenantTable { weight, rate, max_in_flight, pools, parent, seats: Table(seats) } = table;
        let weight = weight.unwrap_or(1);
        Ok(Self { weight, rates: rate, max_in_flight, pools, parent, seats: seats.into() })
    }
}

/// One rate, or a list of them.
fn one_or_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rate>, D::Error> {
    struct Rates;
    impl<'de> Visitor<'de> for Rates {
        type Value = Vec<Rate>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a rate such as \"100/s\", or a list of rates")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<Rate>, E> {
            ShortVisitor(PhantomData).visit_str(text).map(|rate| vec![rate])
        }

        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Vec<Rate>, A::Error> {
            ShortVisitor(PhantomData).visit_map(entries).map(|rate| vec![rate])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Rate>, A::Error> {
            let mut rates = vec![];
            while let Some(Short(rate)) = items.next_element()? {
                rates.push(rate);
            }
            Ok(rates)
        }
    }
    deserializer.deserialize_any(Rates)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointTable {
    address: String,
    weight: Option<u32>,
    max_in_flight: Option<u32>,
}

impl ShortForm for EndpointSpec {
    type Table = EndpointTable;
    const EXPECTED: &'static str =
        "an address, or a table { address = \"http://10.0.0.1:8080\", weight = 2 }";

    fn from_table(table: EndpointTable) -> Result<Self, String> {
        let spec = Self::new(table.address).with_weight(table.weight.unwrap_or(1));
        Ok(match table.max_in_flight {
            Some(requests) => spec.with_max_in_flight(requests),
            None => spec,
        })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KindTable {
    kind: String,
}

impl ShortForm for StrategySpec {
    type Table = KindTable;
    const EXPECTED: &'static str = "\"p2c\" or \"round_robin\"";

    fn from_table(table: KindTable) -> Result<Self, String> {
        Self::from_text(&table.kind)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "p2c" => Ok(Self::P2c),
            "round_robin" => Ok(Self::RoundRobin),
            _ => Err(format!("give {}", Self::EXPECTED)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateTable {
    requests: Option<u64>,
    cost: Option<u64>,
    per: Period,
    burst: Option<u64>,
}

impl ShortForm for Rate {
    type Table = RateTable;
    const EXPECTED: &'static str =
        "a rate such as \"100/s\", or a table { requests = 100, per = \"1s\", burst = 20 }";

    fn from_table(table: RateTable) -> Result<Self, String> {
        let rate = match (table.requests, table.cost) {
            (Some(requests), None) => Self::requests(requests, table.per.0),
            (None, Some(cost)) => Self::cost(cost, table.per.0),
            _ => return Err("give either requests or cost".to_owned()),
        };
        Ok(table.burst.map_or(rate, |burst| rate.with_burst(burst)))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnknownTable {
    template: String,
    max: Option<u32>,
    idle: Option<Period>,
}

impl ShortForm for UnknownTenants {
    type Table = UnknownTable;
    const EXPECTED: &'static str =
        "\"reject\", or a table { template = \"free\", max = 100000, idle = \"10m\" }";

    fn from_table(table: UnknownTable) -> Result<Self, String> {
        let unknown = Self::template(table.template, table.max.unwrap_or(DEFAULT_MADE));
        Ok(match table.idle {
            Some(Period(idle)) => unknown.with_idle(idle),
            None => unknown,
        })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "reject" { Ok(Self::Reject) } else { Err(format!("give {}", Self::EXPECTED)) }
    }
}

const DEFAULT_MADE: u32 = 100_000;

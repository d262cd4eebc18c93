//! The document's shape: which keys there are, and what each becomes.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{
    Budget, CapacitySpec, Config, EndpointSpec, OutlierSpec, PoolSpec, Rate, StrategySpec, TenantSpec,
    UnknownTenants,
    limit_tables::Cap,
    queue_table::QueueTable,
    seats_table::SeatsTable,
    short::{Period, Short, ShortForm, ShortVisitor, Table, short_or_table},
};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of pools, tenants and templates")]
pub(super) struct Document {
    #[serde(deserialize_with = "short_or_table")]
    unknown_tenants: UnknownTenants,
    dimensions: Vec<String>,
    seed: Option<u64>,
    pools: BTreeMap<String, PoolSpec>,
    tenants: BTreeMap<String, TenantSpec>,
    templates: BTreeMap<String, TenantSpec>,
    gateway: Option<serde_json::Value>,
}

impl From<Document> for Config {
    fn from(document: Document) -> Self {
        let Document { unknown_tenants, dimensions, seed, pools, tenants, templates, gateway } = document;
        let sections = gateway.map(|gateway| ("gateway".to_owned(), gateway)).into_iter().collect();
        Self { unknown_tenants, pools, tenants, templates, dimensions, seed, sections }
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
    #[serde(default, deserialize_with = "one_or_list")]
    budget: Vec<Budget>,
    #[serde(default, deserialize_with = "short_or_table")]
    max_in_flight: Cap,
    pools: Option<Vec<String>>,
    parent: Option<String>,
    #[serde(default)]
    seats: Table<SeatsTable>,
}

impl<'de> Deserialize<'de> for TenantSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table(table) = Table::<TenantTable>::deserialize(deserializer)?;
        let TenantTable { weight, rate, budget, max_in_flight, pools, parent, seats: Table(seats) } = table;
        Ok(Self {
            weight: weight.unwrap_or(1),
            rates: rate,
            budgets: budget,
            max_in_flight: max_in_flight.enforced,
            shadow_in_flight: max_in_flight.shadow,
            pools,
            parent,
            seats: seats.into(),
        })
    }
}

/// One of something, or a list of it.
fn one_or_list<'de, D: Deserializer<'de>, T: ShortForm>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct List<T>(PhantomData<T>);
    impl<'de, T: ShortForm> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}, or a list of them", T::EXPECTED)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            ShortVisitor(PhantomData).visit_str(text).map(|one| vec![one])
        }

        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Vec<T>, A::Error> {
            ShortVisitor(PhantomData).visit_map(entries).map(|one| vec![one])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = vec![];
            while let Some(Short(one)) = items.next_element()? {
                list.push(one);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_any(List(PhantomData))
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

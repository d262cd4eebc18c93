//! The document's shape: which keys there are, and what each becomes.

use std::{collections::BTreeMap, fmt, marker::PhantomData, num::NonZeroU32, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    CapacitySpec, Config, EndpointSpec, OutlierSpec, PoolSpec, QueueSpec, Rate, StrategySpec, TenantSpec,
    UnknownTenants, capacity, rate::parse_duration,
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
    health: HealthTable,
    #[serde(default)]
    queue: QueueTable,
}

impl<'de> Deserialize<'de> for PoolSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = PoolTable::deserialize(deserializer)?;
        Ok(Self {
            endpoints: table.endpoints.into_iter().map(|endpoint| endpoint.0).collect(),
            strategy: table.strategy,
            capacity: table.capacity,
            outlier: table.health.outlier.into(),
            queue: table.queue.into(),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table with the key outlier")]
struct HealthTable {
    outlier: OutlierTable,
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
        let default = Self::new();
        Self::new()
            .with_consecutive_failures(table.consecutive_failures.unwrap_or(default.consecutive_failures()))
            .with_ejection(table.ejection.map_or(default.ejection(), |period| period.0))
            .with_longest_ejection(table.longest_ejection.map_or(default.longest_ejection(), |period| period.0))
            .with_max_ejected_percent(table.max_ejected.unwrap_or(default.max_ejected_percent()))
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of queue bounds")]
struct QueueTable {
    timeout: Option<Period>,
    per_tenant: Option<u32>,
    total: Option<u32>,
}

impl From<QueueTable> for QueueSpec {
    fn from(table: QueueTable) -> Self {
        let default = Self::new();
        Self::new()
            .with_timeout(table.timeout.map_or(default.timeout(), |period| period.0))
            .with_per_tenant(table.per_tenant.unwrap_or(default.per_tenant()))
            .with_total(table.total.unwrap_or(default.total()))
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
}

impl<'de> Deserialize<'de> for TenantSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let TenantTable { weight, rate, max_in_flight, pools } = TenantTable::deserialize(deserializer)?;
        Ok(Self { weight: weight.unwrap_or(1), rates: rate, max_in_flight, pools })
    }
}

/// A duration as text: a whole number and a unit.
struct Period(Duration);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PeriodVisitor;
        impl Visitor<'_> for PeriodVisitor {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"5s\" (units: ns, us, ms, s, m, h, d)")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Period, E> {
                let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                parse_duration(text).map(Period).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_str(PeriodVisitor)
    }
}

/// What can be written short, as text or a number, and in full, as a table.
trait ShortForm: Sized {
    /// The full form.
    type Table: for<'de> Deserialize<'de>;
    /// What to write, for errors.
    const EXPECTED: &'static str;

    fn from_table(table: Self::Table) -> Result<Self, String>;

    fn from_text(text: &str) -> Result<Self, String>;

    fn from_number(_number: u64) -> Result<Self, String> {
        Err(format!("give {}", Self::EXPECTED))
    }
}

struct Short<T>(T);

impl<'de, T: ShortForm> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortVisitor(PhantomData)).map(Self)
    }
}

struct ShortVisitor<T>(PhantomData<T>);

impl<'de, T: ShortForm> Visitor<'de> for ShortVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        T::from_number(number).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        let table = T::Table::deserialize(MapAccessDeserializer::new(entries))?;
        T::from_table(table).map_err(A::Error::custom)
    }
}

fn short_or_table<'de, D: Deserializer<'de>, T: ShortForm>(deserializer: D) -> Result<T, D::Error> {
    Short::deserialize(deserializer).map(|short| short.0)
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
struct EndpointTable {
    address: String,
    weight: Option<u32>,
}

impl ShortForm for EndpointSpec {
    type Table = EndpointTable;
    const EXPECTED: &'static str = "an address, or a table { address = \"http://10.0.0.1:8080\", weight = 2 }";

    fn from_table(table: EndpointTable) -> Result<Self, String> {
        Ok(Self::new(table.address).with_weight(table.weight.unwrap_or(1)))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindTable {
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
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum CapacityTable {
    Fixed { seats: NonZeroU32 },
    Gradient { min: Option<NonZeroU32>, max: Option<NonZeroU32> },
}

impl ShortForm for CapacitySpec {
    type Table = CapacityTable;
    const EXPECTED: &'static str =
        "\"adaptive\", a number of seats from 1 on, or a table { kind = \"gradient\", min = 8, max = 500 }";

    fn from_table(table: CapacityTable) -> Result<Self, String> {
        Ok(match table {
            CapacityTable::Fixed { seats } => Self::Fixed(seats),
            CapacityTable::Gradient { min, max } => {
                Self::Gradient { min: min.unwrap_or(capacity::MIN), max: max.unwrap_or(capacity::MAX) }
            }
        })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "adaptive" { Ok(Self::adaptive()) } else { Err(format!("give {}", Self::EXPECTED)) }
    }

    fn from_number(number: u64) -> Result<Self, String> {
        let seats = u32::try_from(number).ok().and_then(NonZeroU32::new);
        seats.map(Self::Fixed).ok_or_else(|| format!("give {}", Self::EXPECTED))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTable {
    requests: Option<u64>,
    cost: Option<u64>,
    per: Period,
    burst: Option<u64>,
}

impl ShortForm for Rate {
    type Table = RateTable;
    const EXPECTED: &'static str = "a rate such as \"100/s\", or a table { requests = 100, per = \"1s\", burst = 20 }";

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
struct UnknownTable {
    template: String,
    max: Option<u32>,
}

impl ShortForm for UnknownTenants {
    type Table = UnknownTable;
    const EXPECTED: &'static str = "\"reject\", or a table { template = \"free\", max = 100000 }";

    fn from_table(table: UnknownTable) -> Result<Self, String> {
        Ok(Self::template(table.template, table.max.unwrap_or(DEFAULT_MADE)))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "reject" { Ok(Self::Reject) } else { Err(format!("give {}", Self::EXPECTED)) }
    }
}

const DEFAULT_MADE: u32 = 100_000;

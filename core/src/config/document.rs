//! The document's shape: which keys there are, and what each becomes.

use std::{collections::BTreeMap, fmt, marker::PhantomData, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{
    AttemptsSpec, Budget, CapacitySpec, Config, CooldownSpec, EndpointSpec, Grant, HealthCheckSpec, PoolSpec,
    Rate, SlowStartSpec, StrategySpec, TenantSpec, UnknownTenants,
    attempts_table::AttemptsTable,
    limit_tables::Cap,
    outlier_table::OutlierTable,
    pool::{SubsetTable, TiersTable},
    queue_table::QueueTable,
    seats_table::SeatsTable,
    short::{Period, Short, ShortForm, ShortVisitor, Table, short_or_table},
};

use crate::affinity::Secret;

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table of pools, tenants and templates")]
pub(super) struct Document {
    #[serde(deserialize_with = "short_or_table")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::config::short::Short<UnknownTenants>"))]
    unknown_tenants: UnknownTenants,
    dimensions: Vec<String>,
    seed: Option<u64>,
    affinity: Table<AffinityTable>,
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, PoolTable>"))]
    pools: BTreeMap<String, PoolSpec>,
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, TenantTable>"))]
    tenants: BTreeMap<String, TenantSpec>,
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, TenantTable>"))]
    templates: BTreeMap<String, TenantSpec>,
    gateway: Option<serde_json::Value>,
}

impl From<Document> for Config {
    fn from(document: Document) -> Self {
        let Document { unknown_tenants, dimensions, seed, affinity, pools, tenants, templates, gateway } =
            document;
        let affinity_keys = affinity.0.keys.into_iter().map(|key| Secret::new(key.into_bytes())).collect();
        let sections = gateway.map(|gateway| ("gateway".to_owned(), gateway)).into_iter().collect();
        Self { unknown_tenants, pools, tenants, templates, dimensions, seed, affinity_keys, sections }
    }
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table with the key keys")]
struct AffinityTable {
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table with a pool's keys")]
struct PoolTable {
    endpoints: Vec<Short<EndpointSpec>>,
    #[serde(default, deserialize_with = "short_or_table")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::config::short::Short<StrategySpec>"))]
    strategy: StrategySpec,
    #[serde(default, deserialize_with = "short_or_table")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::config::short::Short<CapacitySpec>"))]
    capacity: CapacitySpec,
    #[serde(default)]
    health: Table<HealthTable>,
    #[serde(default)]
    queue: Table<QueueTable>,
    #[serde(default)]
    retry: Table<AttemptsTable>,
    #[serde(default)]
    hedge: Table<AttemptsTable>,
    owner: Option<String>,
    zone: Option<String>,
    #[serde(default)]
    tiers: Table<TiersTable>,
    slow_start: Option<Short<SlowStartSpec>>,
    fallback: Option<String>,
    subset: Option<Table<SubsetTable>>,
    latency_decay: Option<Period>,
}

impl<'de> Deserialize<'de> for PoolSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table(table) = Table::<PoolTable>::deserialize(deserializer)?;
        Ok(Self {
            endpoints: table.endpoints.into_iter().map(|endpoint| endpoint.0).collect(),
            strategy: table.strategy,
            capacity: table.capacity,
            outlier: table.health.0.outlier.0.into(),
            cooldown: table.health.0.cooldown.map(|Short(cooldown)| cooldown).unwrap_or_default(),
            health_check: table.health.0.probe.map(|Short(check)| check),
            queue: table.queue.0.into(),
            retry: table.retry.0.over(AttemptsSpec::retries()),
            hedge: table.hedge.0.over(AttemptsSpec::hedges()),
            owner: table.owner,
            zone: table.zone,
            tiers: table.tiers.0.into(),
            slow_start: table.slow_start.map(|Short(slow_start)| slow_start),
            fallback: table.fallback,
            subset: table.subset.map(|Table(subset)| subset.into()),
            latency_decay: table.latency_decay.map_or(Self::LATENCY_DECAY, |Period(decay)| decay),
        })
    }
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table with the keys probe, outlier and cooldown")]
struct HealthTable {
    probe: Option<Short<HealthCheckSpec>>,
    outlier: Table<OutlierTable>,
    cooldown: Option<Short<CooldownSpec>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table with a tenant's keys")]
struct TenantTable {
    weight: Option<u32>,
    #[serde(default, deserialize_with = "one_or_list")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::config::schema::OneOrList<Rate>"))]
    rate: Vec<Rate>,
    #[serde(default, deserialize_with = "one_or_list")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::config::schema::OneOrList<Budget>"))]
    budget: Vec<Budget>,
    #[serde(default, deserialize_with = "short_or_table")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::config::short::Short<Cap>"))]
    max_in_flight: Cap,
    pools: Option<Vec<Short<Grant>>>,
    parent: Option<String>,
    #[serde(default)]
    seats: Table<SeatsTable>,
    shard: Option<u32>,
}

impl<'de> Deserialize<'de> for TenantSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table(table) = Table::<TenantTable>::deserialize(deserializer)?;
        let TenantTable { weight, rate, budget, max_in_flight, pools, parent, seats: Table(seats), shard } =
            table;
        Ok(Self {
            weight: weight.unwrap_or(1),
            rates: rate,
            budgets: budget,
            max_in_flight: max_in_flight.enforced,
            shadow_in_flight: max_in_flight.shadow,
            pools: pools.map(|pools| pools.into_iter().map(|Short(grant)| grant).collect()),
            parent,
            seats: seats.into(),
            shard,
        })
    }
}

/// One of something, or a list of it.
pub(super) fn one_or_list<'de, D: Deserializer<'de>, T: ShortForm>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct GrantTable {
    pool: String,
    from: Option<String>,
    until: Option<String>,
}

impl ShortForm for Grant {
    type Table = GrantTable;
    const EXPECTED: &'static str = "a pool's name, or a table { pool = \"gpu\", from = \"2026-12-01T00:00:00Z\", until = \"2027-01-01T00:00:00Z\" }";

    fn from_table(table: GrantTable) -> Result<Self, String> {
        let moment = |text: &str| {
            let moment: Option<jiff::Timestamp> = text.parse().ok();
            let unix = moment.and_then(|moment| {
                Duration::try_from(moment.duration_since(jiff::Timestamp::UNIX_EPOCH)).ok()
            });
            unix.ok_or_else(|| {
                format!("give a moment after 1970 such as \"2026-12-01T00:00:00Z\" instead of {text:?}")
            })
        };
        let mut grant = Self::of(table.pool);
        if let Some(text) = table.from {
            grant = grant.from(moment(&text)?);
        }
        Ok(match table.until {
            Some(text) => grant.until(moment(&text)?),
            None => grant,
        })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::of(text))
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

//! A scenario that has been checked, with its names resolved: what every seed's run begins with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tenantry::{Config, Format};

use super::{
    document::{ScenarioError, merge},
    edition::Edition,
    population::{Population, Sampler},
    scenario::{FaultKind, LoadSpec, Scenario, ServerSpec},
    tree::spec_of,
};

/// A scenario, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) scenario: Scenario,
    /// All tenants that ask.
    pub(crate) tenants: Vec<String>,
    pub(crate) pools: Vec<PoolPlan>,
    /// All endpoints of all pools: what stands there.
    pub(crate) servers: Vec<ServerSpec>,
    pub(crate) loads: Vec<LoadPlan>,
    /// The configuration at first, then after each update.
    pub(crate) editions: Vec<Edition>,
}

/// One pool, by all configurations together.
#[derive(Clone, Debug)]
pub(crate) struct PoolPlan {
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
    /// Where its servers begin in the list of all.
    pub(crate) first_server: usize,
}

/// One load that is on.
#[derive(Clone, Debug)]
pub(crate) struct LoadPlan {
    pub(crate) name: String,
    pub(crate) spec: LoadSpec,
    pub(crate) pool: usize,
    /// Of [`Plan::tenants`].
    pub(crate) tenants: Vec<usize>,
    pub(crate) sampler: Sampler,
}

impl Plan {
    pub(crate) fn new(scenario: Scenario) -> Result<Self, ScenarioError> {
        check_spans(&scenario)?;
        let documents = documents(&scenario);
        let configs = documents.iter().map(read_config).collect::<Result<Vec<_>, _>>()?;
        let mut pools = pools(&configs)?;
        let servers = servers(&scenario, &mut pools)?;
        let tenants: BTreeSet<String> = scenario.loads().flat_map(|(_, load)| load.tenants()).collect();
        let tenants: Vec<_> = tenants.into_iter().collect();
        let loads = scenario
            .loads()
            .map(|(name, load)| plan_load(name, load, &pools, &tenants, &configs))
            .collect::<Result<Vec<_>, _>>()?;
        check_answers(&loads, &servers)?;
        let editions = configs.into_iter().zip(&documents);
        let editions =
            editions.map(|(config, document)| Edition::new(config, document, &tenants, &pools, &loads));
        Ok(Self { editions: editions.collect(), scenario, tenants, pools, servers, loads })
    }
}

/// The documents in force: at first, and after each update.
fn documents(scenario: &Scenario) -> Vec<Value> {
    let mut documents = vec![scenario.config.clone()];
    for update in &scenario.update {
        let mut next = documents.last().cloned().unwrap_or_default();
        merge(&mut next, &update.config);
        documents.push(next);
    }
    documents
}

fn read_config(document: &Value) -> Result<Config, ScenarioError> {
    Config::from_text(&document.to_string(), Format::Json)
        .map_err(|error| ScenarioError::new(error.path(), error.to_string()).within("config"))
}

/// The pools of all configurations, with all addresses that they ever have.
fn pools(configs: &[Config]) -> Result<Vec<PoolPlan>, ScenarioError> {
    let mut pools = BTreeMap::<&str, Vec<String>>::new();
    for config in configs {
        if !config.pools().keys().eq(configs[0].pools().keys()) {
            return Err(ScenarioError::new("update", "an update keeps the pools' names as they are"));
        }
        for (name, pool) in config.pools() {
            let addresses = pools.entry(name).or_default();
            for endpoint in pool.endpoints() {
                if !addresses.iter().any(|address| address == endpoint.address()) {
                    addresses.push(endpoint.address().to_owned());
                }
            }
        }
    }
    let plan = |(name, addresses): (&str, _)| PoolPlan { name: name.to_owned(), addresses, first_server: 0 };
    Ok(pools.into_iter().map(plan).collect())
}

/// What stands at each address, pool by pool.
fn servers(scenario: &Scenario, pools: &mut [PoolPlan]) -> Result<Vec<ServerSpec>, ScenarioError> {
    for (name, spec) in &scenario.servers {
        check_server(spec).map_err(|error| error.within(&format!("servers.{name}")))?;
        let known = |address: &String| pools.iter().any(|pool| pool.addresses.contains(address));
        if let Some(address) = spec.endpoints.iter().flatten().find(|address| !known(address)) {
            let problem = format!("\"{address}\" is no endpoint of a pool: name one that [config.pools] has");
            return Err(ScenarioError::new(format!("servers.{name}.endpoints"), problem));
        }
    }
    let names =
        |spec: &&ServerSpec, address| spec.endpoints.as_ref().is_some_and(|listed| listed.contains(address));
    let mut servers = vec![];
    for pool in pools {
        pool.first_server = servers.len();
        for address in &pool.addresses {
            let tables = || scenario.servers.values();
            let spec = tables()
                .find(|spec| names(spec, address))
                .or_else(|| tables().find(|spec| spec.endpoints.is_none()));
            let problem = || {
                format!(
                    "nothing stands at \"{address}\": add a table without `endpoints`, for all the others"
                )
            };
            servers.push(spec.ok_or_else(|| ScenarioError::new("servers", problem()))?.clone());
        }
    }
    Ok(servers)
}

fn check_server(spec: &ServerSpec) -> Result<(), ScenarioError> {
    let wrong = |field: &str, problem: &str| Err(ScenarioError::new(field, problem));
    if spec.workers == 0 {
        return wrong("workers", "give at least 1");
    }
    if let Some((field, problem)) = spec.service.problem() {
        return wrong(&format!("service.{field}"), problem);
    }
    if let Some((field, problem)) = spec.body.as_ref().and_then(|body| body.problem()) {
        return wrong(&format!("body.{field}"), problem);
    }
    if let Some(at) = spec.speed.iter().position(|change| !(change.factor > 0.0 && change.factor.is_finite()))
    {
        return wrong(
            &format!("speed[{at}].factor"),
            "give a factor above 0; a server that stops is a fault",
        );
    }
    if let Some(antagonist) = &spec.antagonist {
        if antagonist.lasts.0 == 0 || antagonist.every <= antagonist.lasts {
            return wrong("antagonist.every", "give more than `lasts`, which is more than zero");
        }
        if !(antagonist.factor > 0.0 && antagonist.factor <= 1.0) {
            return wrong("antagonist.factor", "give what is left of the speed, above 0 and up to 1");
        }
    }
    match spec.faults.iter().position(|fault| !(fault.share > 0.0 && fault.share <= 1.0)) {
        Some(at) => wrong(&format!("faults[{at}].share"), "give a share above 0 and up to 1"),
        None => Ok(()),
    }
}

fn check_spans(scenario: &Scenario) -> Result<(), ScenarioError> {
    let wrong = |field: String, problem: &str| Err(ScenarioError::new(field, problem));
    if scenario.measure.0 == 0 {
        return wrong("measure".to_owned(), "give a duration above zero");
    }
    if scenario.sample.0 == 0 || scenario.measure.0 / scenario.sample.0 > MOST_SAMPLES {
        return wrong("sample".to_owned(), "give a step of which no more than 100000 are measured");
    }
    if let Some(problem) = scenario.network.delay.as_ref().and_then(|delay| delay.problem()) {
        return wrong(format!("network.delay.{}", problem.0), problem.1);
    }
    for (name, window) in &scenario.windows {
        if window.until <= window.from || window.until.0 > scenario.end() {
            return wrong(
                format!("windows.{name}.until"),
                "give more than `from`, and no more than warm + measure",
            );
        }
    }
    if !scenario.update.is_sorted_by_key(|update| update.at) {
        return wrong("update".to_owned(), "list them in the order of time");
    }
    Ok(())
}

fn plan_load(
    name: &str,
    spec: &LoadSpec,
    pools: &[PoolPlan],
    tenants: &[String],
    configs: &[Config],
) -> Result<LoadPlan, ScenarioError> {
    let wrong =
        |field: &str, problem: String| Err(ScenarioError::new(format!("load.{name}.{field}"), problem));
    if spec.tenant.is_some() == spec.tenants.is_some() {
        return wrong("tenant", "give either `tenant`, or `tenants` for a population".to_owned());
    }
    if spec.tenants.as_ref().is_some_and(|population| population.count == 0) {
        return wrong("tenants.count", "give at least 1".to_owned());
    }
    let names = spec.tenants();
    if let Some(unknown) = names.iter().find(|id| configs.iter().any(|config| spec_of(config, id).is_none()))
    {
        let field = if spec.tenant.is_some() { "tenant" } else { "tenants.prefix" };
        return wrong(
            field,
            format!("\"{unknown}\" is no tenant: add it to [config.tenants], or a template for unknown ones"),
        );
    }
    if let Some((field, problem)) = spec.arrivals.problem() {
        return wrong(&format!("arrivals.{field}"), problem.to_owned());
    }
    if !spec.phases.is_sorted_by_key(|phase| phase.at) {
        return wrong("phases", "list them in the order of time".to_owned());
    }
    if let Some(at) = spec.phases.iter().position(|phase| !(phase.factor >= 0.0 && phase.factor.is_finite()))
    {
        return wrong(&format!("phases[{at}].factor"), "give a factor from 0 on".to_owned());
    }
    if let Some(at) = spec.cost.iter().position(|choice| !(choice.share > 0.0 && choice.share.is_finite())) {
        return wrong(&format!("cost[{at}].share"), "give a share above 0".to_owned());
    }
    let pool = match &spec.pool {
        None if pools.len() == 1 => Some(0),
        None => return wrong("pool", "name one: there are several".to_owned()),
        Some(pool) => pools.iter().position(|known| known.name == *pool),
    };
    let Some(pool) = pool else {
        return wrong("pool", "name one that [config.pools] has".to_owned());
    };
    let index = |id: &String| tenants.binary_search(id).expect("the list is of all loads' tenants, in order");
    let sampler = spec.tenants.as_ref().map_or_else(Sampler::single, Population::sampler);
    Ok(LoadPlan {
        name: name.to_owned(),
        spec: spec.clone(),
        pool,
        tenants: names.iter().map(index).collect(),
        sampler,
    })
}

/// Where requests can be swallowed, somebody must give up, or they would never end.
fn check_answers(loads: &[LoadPlan], servers: &[ServerSpec]) -> Result<(), ScenarioError> {
    let swallows =
        servers.iter().flat_map(|spec| &spec.faults).any(|fault| fault.kind == FaultKind::BlackHole);
    let patient = loads.iter().find(|load| load.spec.timeout.is_none() && load.spec.call_timeout.is_none());
    match patient {
        Some(load) if swallows => {
            let problem = "give one, or a call_timeout: a black hole never answers";
            Err(ScenarioError::new(format!("load.{}.timeout", load.name), problem))
        }
        _ => Ok(()),
    }
}

const MOST_SAMPLES: u64 = 100_000;

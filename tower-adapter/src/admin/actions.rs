//! The actions that every balancer has.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tenantry::{Balancer, EndpointChange, EndpointStats, HealthOverride, PoolStats};

use super::{ActionError, action::Action, fields::Fields};
use crate::proxy::without_credential;

/// By name.
pub(super) fn of(balancer: &Balancer) -> BTreeMap<String, Action> {
    let change = |name: &str, change: fn(String) -> EndpointChange| {
        let balancer = balancer.clone();
        let act = move |body: &Map<String, Value>| {
            let at = Place::of(&Fields::of(body, &["pool", "endpoint"])?, &balancer)?;
            balancer.change_endpoints(&at.pool, &[change(at.endpoint.clone())])?;
            Ok(at.told())
        };
        (name.to_owned(), Action::new(act))
    };
    let decide = |name: &str, health: HealthOverride| {
        let balancer = balancer.clone();
        let act = move |body: &Map<String, Value>| {
            let fields = Fields::of(body, &["pool", "endpoint", "for_s"])?;
            let (at, time) = (Place::of(&fields, &balancer)?, fields.seconds("for_s")?);
            balancer.override_health(&at.pool, &at.endpoint, health, time)?;
            Ok(at.told())
        };
        (name.to_owned(), Action::new(act))
    };
    BTreeMap::from([
        change("drain", EndpointChange::Drain),
        change("resume", EndpointChange::Resume),
        ("reweigh".to_owned(), reweigh(balancer.clone())),
        decide("disable", HealthOverride::Disabled),
        decide("eject", HealthOverride::Ejected),
        decide("force_healthy", HealthOverride::Healthy),
        ("clear".to_owned(), clear(balancer.clone())),
    ])
}

fn reweigh(balancer: Balancer) -> Action {
    Action::new(move |body| {
        let fields = Fields::of(body, &["pool", "endpoint", "weight"])?;
        let at = Place::of(&fields, &balancer)?;
        let weight = fields.whole("weight", "write a whole number; 0 lets nothing new go there")?;
        balancer.change_endpoints(&at.pool, &[EndpointChange::Reweigh(at.endpoint.clone(), weight)])?;
        Ok(at.told())
    })
}

fn clear(balancer: Balancer) -> Action {
    Action::new(move |body| {
        let at = Place::of(&Fields::of(body, &["pool", "endpoint"])?, &balancer)?;
        balancer.clear_health_override(&at.pool, &at.endpoint)?;
        Ok(at.told())
    })
}

/// Which endpoint.
struct Place {
    pool: String,
    endpoint: String,
}

impl Place {
    fn of(fields: &Fields<'_>, balancer: &Balancer) -> Result<Self, ActionError> {
        let pool = fields.text("pool", "name a pool, as /status lists them")?.to_owned();
        let fix = "name the address of one of the pool's endpoints, as /status lists them";
        let endpoint = address(balancer, &pool, fields.text("endpoint", fix)?);
        Ok(Self { pool, endpoint })
    }

    fn told(self) -> Value {
        json!({ "pool": self.pool, "endpoint": without_credential(&self.endpoint) })
    }
}

/// The address as it stands in the pool of what `/status` tells without a credential, where that leaves but one.
fn address(balancer: &Balancer, pool: &str, told: &str) -> String {
    let stats = balancer.pool_stats(pool);
    let known = || stats.iter().flat_map(PoolStats::endpoints).map(EndpointStats::address);
    let mut alike = known().filter(|address| without_credential(address) == told);
    match (alike.next(), alike.next()) {
        (Some(only), None) if known().all(|address| address != told) => only.to_owned(),
        _ => told.to_owned(),
    }
}

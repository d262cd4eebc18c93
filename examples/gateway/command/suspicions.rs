//! What is legal, but looks like a mistake.

use std::collections::BTreeSet;

use tenantry::{PoolSpec, TenantSpec, UnknownTenants};

use crate::config::{Document, Settings};

/// What to look at again, by path.
pub(super) fn suspicions(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    pools(document, &mut found);
    tenants(document, &mut found);
    exposure(&document.settings, &mut found);
    found
}

fn pools(document: &Document, found: &mut Vec<String>) {
    let Document { balancer, settings, .. } = document;
    let routes = settings.routes().iter();
    let mut used: BTreeSet<&str> = routes.clone().map(crate::routes::RouteTable::pool).collect();
    used.extend(routes.filter_map(|route| Some(route.mirror()?.pool())));
    used.extend(balancer.pools().values().filter_map(PoolSpec::fallback));
    for (name, pool) in balancer.pools() {
        if !used.contains(name.as_str()) {
            found.push(format!("pools.{name}: no route, mirror or fallback leads to it"));
        }
        if pool.endpoints().is_empty() {
            found.push(format!("pools.{name}.endpoints: it has none, and refuses everything"));
        } else if pool.endpoints().iter().all(|endpoint| endpoint.is_draining() || endpoint.weight() == 0) {
            found.push(format!(
                "pools.{name}.endpoints: all of them drain or have weight 0, so nothing new is served"
            ));
        }
        if pool.endpoints().len() > 1 && pool.health_check().is_none() {
            found.push(format!(
                "pools.{name}.health.probe: endpoints are not checked; a dead one is noticed by the requests that it fails. Give health = {{ probe = \"/healthz\" }}"
            ));
        }
        if pool.retry().ratio_millionths() > 1_000_000 {
            found.push(format!(
                "pools.{name}.retry.ratio: more retries than requests are allowed, which is a storm"
            ));
        }
    }
}

fn tenants(document: &Document, found: &mut Vec<String>) {
    let balancer = &document.balancer;
    let used = match balancer.unknown_tenants() {
        UnknownTenants::Template { name, .. } => Some(name.as_str()),
        _ => None,
    };
    for (name, template) in balancer.templates() {
        if used != Some(name.as_str()) {
            found.push(format!(
                "templates.{name}: unknown_tenants does not name it, so nobody is made from it"
            ));
        } else if is_unlimited(template) {
            found.push(format!(
                "templates.{name}: whoever invents a name gets a tenant without any limit; give it a rate"
            ));
        }
    }
    if used.is_none() && balancer.tenants().is_empty() {
        found.push("tenants: there are none, and unknown ones are refused: everything will be".to_owned());
    }
    let now = jiff::Timestamp::now().as_second();
    for (id, tenant) in balancer.tenants() {
        if tenant.weight() == 0 {
            found.push(format!(
                "tenants.{id}.weight: 0 is no share; it is served only while nobody else waits"
            ));
        }
        for (index, grant) in tenant.pools().into_iter().flatten().enumerate() {
            let is_over =
                grant.ends().is_some_and(|end| i64::try_from(end.as_secs()).is_ok_and(|end| end < now));
            if is_over {
                found.push(format!(
                    "tenants.{id}.pools[{index}].until: this is over; the grant gives nothing any more"
                ));
            }
        }
    }
}

fn is_unlimited(spec: &TenantSpec) -> bool {
    spec.rates().is_empty()
        && spec.budgets().is_empty()
        && spec.max_in_flight().is_none()
        && spec.parent().is_none()
}

fn exposure(settings: &Settings, found: &mut Vec<String>) {
    let is_open = !settings.listen().ip().is_loopback();
    let is_by_header = settings.tenant_header().is_some();
    if is_open && !is_by_header && settings.secure().is_none() {
        found.push("gateway.listen: credentials cross the network unencrypted; give gateway.tls, or listen on this machine only".to_owned());
    }
    if settings.trusts_everybody() {
        found.push("gateway.identify.trusted: everybody may say whose a request is; name the proxies that authenticate".to_owned());
    }
    if is_open && !is_by_header && settings.guard().is_none() {
        found.push("gateway.guard: nobody watches for guessed credentials; give guard = {}".to_owned());
    }
    if let Some(admin) = settings.admin().filter(|admin| !admin.listen().ip().is_loopback()) {
        found.push(format!(
            "gateway.admin: {} is open to the network, and its pages show every tenant and endpoint",
            admin.listen()
        ));
    }
}

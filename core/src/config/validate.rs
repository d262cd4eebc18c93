//! The rules that hold across the configuration: checked once, before anything is put in force.

use std::time::Duration;

use super::{
    Config, ConfigError, PoolSpec, UnknownTenants, dimensions,
    error::{key, quoted},
    root::{DEEPEST, MOST_TENANTS, validate_name},
    tenant_rules::Known,
};

impl Config {
    /// Checks everything that a setter cannot. Balancers do it themselves.
    ///
    /// # Errors
    /// The first thing found wrong, with its path, value and fix.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let known =
            Known { pools: self.pools.keys().map(String::as_str).collect(), dimensions: &self.dimensions };
        dimensions::validate(&self.dimensions)?;
        self.validate_affinity()?;
        for (name, pool) in &self.pools {
            validate_name("pools", name)?;
            pool.validate(&format!("pools.{}", key(name)))?;
            self.validate_references(pool, &format!("pools.{}", key(name)))?;
        }
        for (id, tenant) in &self.tenants {
            validate_name("tenants", id)?;
            tenant.validate(&format!("tenants.{}", key(id)), &known)?;
        }
        for (name, template) in &self.templates {
            validate_name("templates", name)?;
            template.validate(&format!("templates.{}", key(name)), &known)?;
        }
        if self.tenants.len() > MOST_TENANTS {
            let fix = format!("configure at most {MOST_TENANTS}");
            return Err(ConfigError::new("tenants", format!("{} tenants", self.tenants.len()), fix));
        }
        self.validate_parents()?;
        self.validate_unknown_tenants()
    }

    /// Errors never show a secret.
    fn validate_affinity(&self) -> Result<(), ConfigError> {
        let keys = self.affinity_keys();
        if let Some(index) = keys.iter().position(|secret| secret.len() < SHORTEST_SECRET) {
            let value = format!("{} bytes", keys[index].len());
            let fix = format!("give at least {SHORTEST_SECRET} random bytes");
            return Err(ConfigError::new(format!("affinity.keys[{index}]"), value, fix));
        }
        if keys.len() > MOST_SECRETS {
            let fix = format!("give at most {MOST_SECRETS}: the newest first");
            return Err(ConfigError::new("affinity.keys", format!("{} keys", keys.len()), fix));
        }
        Ok(())
    }

    /// The tenant and the pool that a pool names.
    fn validate_references(&self, pool: &PoolSpec, path: &str) -> Result<(), ConfigError> {
        if let Some(owner) = pool.owner().filter(|owner| !self.tenants.contains_key(*owner)) {
            let fix = format!("name one of the tenants, or add a table [tenants.{}]", key(owner));
            return Err(ConfigError::new(format!("{path}.owner"), quoted(owner), fix));
        }
        let Some(fallback) = pool.fallback() else { return Ok(()) };
        if !self.pools.contains_key(fallback) {
            let pools: Vec<&str> = self.pools.keys().map(String::as_str).collect();
            let fix = format!("name one of the pools: {}", pools.join(", "));
            return Err(ConfigError::new(format!("{path}.fallback"), quoted(fallback), fix));
        }
        let next = |name: &&str| self.pools.get(*name)?.fallback();
        if std::iter::successors(Some(fallback), next).take(LONGEST_CHAIN).count() == LONGEST_CHAIN {
            let fix = format!("let a chain be at most {LONGEST_CHAIN} pools long, without a circle");
            return Err(ConfigError::new(format!("{path}.fallback"), quoted(fallback), fix));
        }
        Ok(())
    }

    fn validate_parents(&self) -> Result<(), ConfigError> {
        let tenants = self.tenants.iter().map(|(id, spec)| (format!("tenants.{}", key(id)), spec));
        let templates = self.templates.iter().map(|(name, spec)| (format!("templates.{}", key(name)), spec));
        for (path, spec) in tenants.chain(templates) {
            let Some(parent) = spec.parent() else { continue };
            if !self.tenants.contains_key(parent) {
                let fix = format!("name one of the tenants, or add a table [tenants.{}]", key(parent));
                return Err(ConfigError::new(format!("{path}.parent"), quoted(parent), fix));
            }
            if self.parents_of(spec).take(DEEPEST).count() == DEEPEST {
                let fix = format!("let the tree be at most {DEEPEST} tenants deep, without a circle");
                return Err(ConfigError::new(format!("{path}.parent"), quoted(parent), fix));
            }
        }
        self.validate_reservations()
    }

    /// Seats can be reserved for configured tenants only, and on one level of the tree only: nested reservations would count twice.
    fn validate_reservations(&self) -> Result<(), ConfigError> {
        for (name, template) in &self.templates {
            if template.seats().reserves() {
                let path = format!("templates.{}.seats.lendable", key(name));
                return Err(ConfigError::new(
                    path,
                    "",
                    "leave it out: only configured tenants keep seats to themselves",
                ));
            }
        }
        for (id, tenant) in &self.tenants {
            let nested = self.parents_of(tenant).find(|(_, parent)| parent.seats().reserves());
            if let Some((parent, _)) = nested.filter(|_| tenant.seats().reserves()) {
                let fix = format!("leave it out here or in tenants.{}", key(parent));
                return Err(ConfigError::new(format!("tenants.{}.seats.lendable", key(id)), "", fix));
            }
        }
        Ok(())
    }

    fn validate_unknown_tenants(&self) -> Result<(), ConfigError> {
        let UnknownTenants::Template { name, max, idle } = &self.unknown_tenants else { return Ok(()) };
        if !self.templates.contains_key(name) {
            let known: Vec<&str> = self.templates.keys().map(String::as_str).collect();
            let fix = match known[..] {
                [] => format!("add a table [templates.{}]", key(name)),
                _ => format!("name one of the templates: {}", known.join(", ")),
            };
            return Err(ConfigError::new("unknown_tenants.template", quoted(name), fix));
        }
        if *max == 0 || *max > MOST_MADE {
            let fix = format!("give a bound from 1 to {MOST_MADE}, or write \"reject\"");
            return Err(ConfigError::new("unknown_tenants.max", max, fix));
        }
        if *idle < Duration::from_millis(1) || *idle > LONGEST_IDLE {
            let fix = "give a time from 1ms to 24d";
            return Err(ConfigError::new("unknown_tenants.idle", quoted(&format!("{idle:?}")), fix));
        }
        if self.tenants.len() + *max as usize > MOST_TENANTS {
            let fix = format!("give a bound that leaves at most {MOST_TENANTS} tenants, made and configured");
            return Err(ConfigError::new("unknown_tenants.max", max, fix));
        }
        Ok(())
    }
}

/// Pools from the first one to the last fallback.
const LONGEST_CHAIN: usize = 8;
const SHORTEST_SECRET: usize = 16;
const MOST_SECRETS: usize = 8;
const MOST_MADE: u32 = 10_000_000;
/// Within what 32 bits of milliseconds tell apart.
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 86_400);

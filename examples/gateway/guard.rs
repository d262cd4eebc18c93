//! `guard`: who is refused too often is banned for a while.

use std::{num::NonZeroU32, time::Duration};

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_tower::guard::{Guard, GuardPolicy, Mode, Neighbours, Rule, RuleSpec, SurgeSpec};

use crate::{
    identify::Gate,
    unfit::Unfit,
    values::{Name, Span, networks},
};

/// `guard = {}`, with any of these keys; what is not said is as the library recommends.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GuardTable {
    /// Of rules that say nothing else.
    mode: ModeName,
    trusted: Option<Vec<String>>,
    address_header: Name,
    allow: Vec<String>,
    allow_tenants: Vec<String>,
    neighbours: NeighboursName,
    tenants: ModeName,
    ban: Span,
    longest_ban: Span,
    forgiveness: Span,
    capacity: NonZeroU32,
    rules: RulesTable,
    rate: RateTable,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RulesTable {
    authentication: RuleTable,
    enumeration: RuleTable,
    probing: RuleTable,
    scanning: RuleTable,
}

/// `{ limit = 10, per = "1m", mode = "enforce" }`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RuleTable {
    limit: Option<NonZeroU32>,
    per: Option<Span>,
    mode: Option<ModeName>,
}

/// `{ factor = 5.0, floor = 10.0, mode = "shadow" }`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RateTable {
    factor: f64,
    floor: f64,
    mode: ModeName,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum ModeName {
    Enforce,
    Shadow,
    Off,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum NeighboursName {
    Served,
    Refused,
}

impl GuardTable {
    /// `gate` says whom the guard believes, and where credentials are, unless the table does.
    pub(crate) fn guard(&self, gate: &Gate) -> Result<Guard, Unfit> {
        let hops = match &self.trusted {
            Some(list) => networks("gateway.guard.trusted", list)?,
            None => gate.hops().clone(),
        };
        let (first, longest) = self.bans()?;
        let (Name(address_header), Span(forgiveness)) = (&self.address_header, self.forgiveness);
        let policy = GuardPolicy::new()
            .with_trusted_hops(hops)
            .with_address_header(address_header.clone())
            .with_allowed_networks(networks("gateway.guard.allow", &self.allow)?)
            .with_allowed_tenants(self.allow_tenants.iter().map(String::as_str))
            .with_credential_headers([gate.credential_header().clone()])
            .with_neighbours(self.neighbours.into())
            .with_tenants(self.tenants.into())
            .with_bans(first, longest)
            .with_forgiveness(forgiveness)
            .with_capacity(self.capacity)
            .with_surge(self.surge()?);
        let RulesTable { authentication, enumeration, probing, scanning } = self.rules;
        let policy = self.with_rule(policy, Rule::Authentication, authentication);
        let policy = self.with_rule(policy, Rule::Enumeration, enumeration);
        let policy = self.with_rule(policy, Rule::Probing, probing);
        Ok(Guard::new(self.with_rule(policy, Rule::Scanning, scanning)))
    }

    /// With who is trusted, and with the rules, where it is not said.
    pub(crate) fn with_defaults(&self, trusted: &[String]) -> Self {
        let policy = GuardPolicy::new();
        let rule = |rule: Rule, table: RuleTable| {
            policy.rule(rule).map_or(table, |default| RuleTable {
                limit: table.limit.or_else(|| Some(default.limit())),
                per: table.per.or_else(|| Some(Span(default.window()))),
                mode: table.mode.or(Some(self.mode)),
            })
        };
        let rules = RulesTable {
            authentication: rule(Rule::Authentication, self.rules.authentication),
            enumeration: rule(Rule::Enumeration, self.rules.enumeration),
            probing: rule(Rule::Probing, self.rules.probing),
            scanning: rule(Rule::Scanning, self.rules.scanning),
        };
        let trusted = self.trusted.clone().unwrap_or_else(|| trusted.to_vec());
        Self { trusted: Some(trusted), rules, ..self.clone() }
    }

    fn bans(&self) -> Result<(Duration, Duration), Unfit> {
        let (Span(first), Span(longest)) = (self.ban, self.longest_ban);
        if first.is_zero() {
            return Err(Unfit::new(
                "gateway.guard.ban",
                "0",
                "write a time, as \"1m\", or mode = \"shadow\"",
            ));
        }
        if first > longest {
            let fix = format!("write at least {first:?}, which is the first ban");
            return Err(Unfit::new("gateway.guard.longest_ban", format!("{longest:?}"), fix));
        }
        Ok((first, longest))
    }

    fn with_rule(&self, policy: GuardPolicy, rule: Rule, table: RuleTable) -> GuardPolicy {
        let Some(default) = policy.rule(rule).copied() else { return policy };
        let limit = table.limit.unwrap_or_else(|| default.limit());
        let window = table.per.map_or_else(|| default.window(), |Span(window)| window);
        let mode = table.mode.unwrap_or(self.mode);
        policy.with_rule(rule, RuleSpec::new(limit, window).with_mode(mode.into()))
    }

    fn surge(&self) -> Result<SurgeSpec, Unfit> {
        let RateTable { factor, floor, mode } = self.rate;
        for (name, value, least) in [("factor", factor, 1.0), ("floor", floor, 0.0)] {
            if !(value.is_finite() && value >= least) {
                let fix = format!("write a number that is at least {least}");
                return Err(Unfit::new(format!("gateway.guard.rate.{name}"), value.to_string(), fix));
            }
        }
        Ok(SurgeSpec::default().with_factor(factor).with_floor(floor).with_mode(mode.into()))
    }
}

impl Default for GuardTable {
    fn default() -> Self {
        Self {
            mode: ModeName::Enforce,
            trusted: None,
            address_header: Name(HeaderName::from_static("x-forwarded-for")),
            allow: Vec::new(),
            allow_tenants: Vec::new(),
            neighbours: NeighboursName::Served,
            tenants: ModeName::Shadow,
            ban: Span(Duration::from_secs(60)),
            longest_ban: Span(Duration::from_secs(24 * 3600)),
            forgiveness: Span(Duration::from_secs(3600)),
            capacity: NonZeroU32::new(32_768).expect("it is not zero"),
            rules: RulesTable::default(),
            rate: RateTable::default(),
        }
    }
}

impl Default for RateTable {
    fn default() -> Self {
        let surge = SurgeSpec::default();
        Self { factor: surge.factor(), floor: surge.floor(), mode: ModeName::Shadow }
    }
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Enforce => Self::Enforce,
            ModeName::Shadow => Self::Shadow,
            ModeName::Off => Self::Off,
        }
    }
}

impl From<NeighboursName> for Neighbours {
    fn from(name: NeighboursName) -> Self {
        match name {
            NeighboursName::Served => Self::Served,
            NeighboursName::Refused => Self::Refused,
        }
    }
}

//! `guard`: who is refused too often is banned for a while.

use std::{num::NonZeroU32, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_tower::{
    guard::{Guard, GuardPolicy, Mode, Neighbours, Rule, RuleSpec, SurgeSpec},
    identity::Networks,
};

use crate::{
    identify::Gate,
    unfit::Unfit,
    values::{Name, Span},
};

/// `guard = {}`, with any of these keys; what is not said is as the library has it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GuardTable {
    mode: Option<ModeName>,
    trusted: Option<Vec<String>>,
    address_header: Option<Name>,
    allow: Vec<String>,
    allow_tenants: Vec<String>,
    neighbours: Option<NeighboursName>,
    tenants: Option<ModeName>,
    ban: Option<Span>,
    longest_ban: Option<Span>,
    forgiveness: Option<Span>,
    capacity: Option<NonZeroU32>,
    rules: RulesTable,
    rate: Option<RateTable>,
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
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RateTable {
    factor: Option<f64>,
    floor: Option<f64>,
    mode: Option<ModeName>,
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
            Some(list) => networks("trusted", list)?,
            None => gate.hops().clone(),
        };
        let (first, longest) = self.bans()?;
        let policy = GuardPolicy::new()
            .with_trusted_hops(hops)
            .with_allowed_networks(networks("allow", &self.allow)?)
            .with_allowed_tenants(self.allow_tenants.iter().map(String::as_str))
            .with_credential_headers([gate.credential_header().clone()])
            .with_bans(first, longest)
            .with_surge(self.surge()?);
        let RulesTable { authentication, enumeration, probing, scanning } = self.rules;
        let policy = self.with_rule(policy, Rule::Authentication, authentication);
        let policy = self.with_rule(policy, Rule::Enumeration, enumeration);
        let policy = self.with_rule(policy, Rule::Probing, probing);
        let policy = self.with_rule(policy, Rule::Scanning, scanning);
        let policy = self.tenants.map(Mode::from).into_iter().fold(policy, GuardPolicy::with_tenants);
        let policy = self.capacity.into_iter().fold(policy, GuardPolicy::with_capacity);
        let policy =
            self.forgiveness.iter().fold(policy, |policy, Span(peace)| policy.with_forgiveness(*peace));
        let policy = match &self.address_header {
            Some(Name(header)) => policy.with_address_header(header.clone()),
            None => policy,
        };
        Ok(Guard::new(match self.neighbours {
            Some(NeighboursName::Refused) => policy.with_neighbours(Neighbours::Refused),
            Some(NeighboursName::Served) | None => policy.with_neighbours(Neighbours::Served),
        }))
    }

    /// With the bans and the rules that go without saying.
    pub(crate) fn with_defaults(&self) -> Self {
        let policy = GuardPolicy::new();
        let rule = |rule: Rule, table: RuleTable| {
            policy.rule(rule).map_or(table, |default| RuleTable {
                limit: table.limit.or_else(|| Some(default.limit())),
                per: table.per.or_else(|| Some(Span(default.window()))),
                mode: table.mode,
            })
        };
        let rules = RulesTable {
            authentication: rule(Rule::Authentication, self.rules.authentication),
            enumeration: rule(Rule::Enumeration, self.rules.enumeration),
            probing: rule(Rule::Probing, self.rules.probing),
            scanning: rule(Rule::Scanning, self.rules.scanning),
        };
        Self {
            ban: self.ban.or(Some(Span(FIRST_BAN))),
            longest_ban: self.longest_ban.or(Some(Span(LONGEST_BAN))),
            rules,
            ..self.clone()
        }
    }

    fn bans(&self) -> Result<(Duration, Duration), Unfit> {
        let first = self.ban.map_or(FIRST_BAN, |Span(first)| first);
        let longest = self.longest_ban.map_or(LONGEST_BAN, |Span(longest)| longest);
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
        let mode = table.mode.or(self.mode).map_or_else(|| default.mode(), Mode::from);
        policy.with_rule(rule, RuleSpec::new(limit, window).with_mode(mode))
    }

    fn surge(&self) -> Result<SurgeSpec, Unfit> {
        let RateTable { factor, floor, mode } = self.rate.unwrap_or_default();
        for (name, value, least) in [("factor", factor, 1.0), ("floor", floor, 0.0)] {
            if let Some(value) = value.filter(|value| !(value.is_finite() && *value >= least)) {
                let fix = format!("write a number that is at least {least}");
                return Err(Unfit::new(format!("gateway.guard.rate.{name}"), value.to_string(), fix));
            }
        }
        let surge = factor.into_iter().fold(SurgeSpec::default(), SurgeSpec::with_factor);
        let surge = floor.into_iter().fold(surge, SurgeSpec::with_floor);
        Ok(mode.map(Mode::from).into_iter().fold(surge, SurgeSpec::with_mode))
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

fn networks(key: &str, list: &[String]) -> Result<Networks, Unfit> {
    for (index, network) in list.iter().enumerate() {
        Networks::parse([network]).map_err(|error| {
            Unfit::new(format!("gateway.guard.{key}[{index}]"), format!("{network:?}"), error)
        })?;
    }
    Ok(Networks::parse(list).expect("each of them is one"))
}

const FIRST_BAN: Duration = Duration::from_secs(60);
const LONGEST_BAN: Duration = Duration::from_secs(24 * 3600);

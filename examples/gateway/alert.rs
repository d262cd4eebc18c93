//! `alert`: what is told, from where on, and to whom.

use std::{collections::BTreeMap, fmt, fs, path::Path, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use tenantry::Config;
use tenantry_tower::{
    alert::{AlertRules, BudgetRule, Objective, RejectionRule, Webhook},
    metrics::BOUNDS,
    proxy::Transport,
    tls::ClientTls,
};

use crate::{switch::Switch, transports::ClientTable, unfit::Unfit, values::Span};

/// `alert = {}`, with any of these keys; what is not said is as the library recommends, without objectives.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertTable {
    budget: Switch<BudgetTable>,
    panic: Switch<HoldTable>,
    ejection: Switch<HoldTable>,
    rejection: Switch<RejectionTable>,
    objective: Option<ObjectiveTable>,
    objectives: BTreeMap<String, ObjectiveTable>,
    resolve_after: Span,
    webhook: Option<WebhookTable>,
}

/// What the table says.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) rules: AlertRules,
    pub(crate) webhook: Option<Webhook>,
}

/// `{ percent = 80, for = "0s" }`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
struct BudgetTable {
    percent: f64,
    r#for: Span,
}

/// `{ for = "30s" }`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
struct HoldTable {
    r#for: Option<Span>,
}

/// `{ percent = 10, window = "5m", min_requests = 100, for = "2m" }`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RejectionTable {
    percent: f64,
    window: Span,
    min_requests: u64,
    r#for: Span,
}

/// `{ percent = 99.9, latency = "500ms", min_requests = 100, for = "0s" }`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
struct ObjectiveTable {
    percent: f64,
    latency: Option<Span>,
    #[serde(default = "min_requests")]
    min_requests: u64,
    #[serde(default = "at_once")]
    r#for: Span,
}

/// `{ url = "https://…", token_file = "…", tls = { ca = "…" } }`.
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
struct WebhookTable {
    #[serde(serialize_with = "without_secrets")]
    url: String,
    token_file: Option<String>,
    tls: Option<ClientTable>,
}

impl AlertTable {
    /// Checks what serde cannot. `folder` is where files are that are named without one.
    pub(crate) fn alarm(&self, balancer: &Config, folder: &Path) -> Result<Alarm, Unfit> {
        let Span(peace) = self.resolve_after;
        let mut rules = AlertRules::new().with_resolve_after(peace);
        if let Switch::On(BudgetTable { percent, r#for: Span(hold) }) = self.budget {
            let share = share("budget.percent", percent, 1_000.0)?;
            rules = rules.with_budget(BudgetRule::new(share).with_hold(hold));
        }
        if let Switch::On(table) = self.panic {
            rules = rules.with_panic(table.hold_or(PANIC));
        }
        if let Switch::On(table) = self.ejection {
            rules = rules.with_ejection(table.hold_or(EJECTION));
        }
        if let Switch::On(table) = &self.rejection {
            rules = rules.with_rejection(table.rule()?);
        }
        if let Some(table) = &self.objective {
            rules = rules.with_objective(table.objective("objective")?);
        }
        for (pool, table) in &self.objectives {
            let path = format!("objectives.{pool}");
            if !balancer.pools().contains_key(pool) {
                let pools: Vec<&str> = balancer.pools().keys().map(String::as_str).collect();
                let fix = format!("name one of the pools: {}", pools.join(", "));
                return Err(Unfit::new(at(&path), format!("{pool:?}"), fix));
            }
            rules = rules.with_pool_objective(pool.as_str(), table.objective(&path)?);
        }
        let webhook = self.webhook.as_ref().map(|table| table.webhook(folder)).transpose()?;
        Ok(Alarm { rules, webhook })
    }

    /// With how long what is alarming must be so, where it is not said.
    pub(crate) fn with_defaults(&self) -> Self {
        Self {
            panic: self.panic.map(|table| table.with_default(PANIC)),
            ejection: self.ejection.map(|table| table.with_default(EJECTION)),
            ..self.clone()
        }
    }
}

impl HoldTable {
    fn hold_or(self, otherwise: Duration) -> Duration {
        self.r#for.map_or(otherwise, |Span(hold)| hold)
    }

    fn with_default(self, otherwise: Duration) -> Self {
        Self { r#for: Some(Span(self.hold_or(otherwise))) }
    }
}

impl RejectionTable {
    fn rule(&self) -> Result<RejectionRule, Unfit> {
        let (Span(window), Span(hold)) = (self.window, self.r#for);
        if window < Duration::from_secs(1) {
            let fix = "write a time of at least a second, as \"5m\"";
            return Err(Unfit::new(at("rejection.window"), format!("{window:?}"), fix));
        }
        let share = share("rejection.percent", self.percent, 100.0)?;
        Ok(RejectionRule::new(share).with_times(window, hold).with_min_requests(self.min_requests))
    }
}

impl ObjectiveTable {
    fn objective(&self, path: &str) -> Result<Objective, Unfit> {
        let share = share(&format!("{path}.percent"), self.percent, 100.0)?;
        if share >= 1.0 {
            let fix = "write less than 100, as 99.9: without a budget for errors none can burn";
            return Err(Unfit::new(at(&format!("{path}.percent")), self.percent.to_string(), fix));
        }
        let Span(hold) = self.r#for;
        let objective = Objective::new(share).with_min_requests(self.min_requests).with_hold(hold);
        let Some(Span(latency)) = self.latency else { return Ok(objective) };
        let bounds = BOUNDS.map(Duration::from_secs_f64);
        if bounds.contains(&latency) {
            return Ok(objective.with_latency(latency));
        }
        let bounds: Vec<String> = bounds.iter().filter(is_whole).map(written).collect();
        let fix = format!("write one of the bounds that latencies are counted by: {}", bounds.join(", "));
        Err(Unfit::new(at(&format!("{path}.latency")), format!("{latency:?}"), fix))
    }
}

impl WebhookTable {
    fn webhook(&self, folder: &Path) -> Result<Webhook, Unfit> {
        // It may hold a secret.
        let mut hook = Webhook::new(&self.url).map_err(|error| Unfit::hidden(at("webhook.url"), error))?;
        if let Some(file) = &self.token_file {
            let (path, file) = (at("webhook.token_file"), folder.join(file));
            let token = fs::read_to_string(&file).map_err(|error| Unfit::file(&path, &file, error))?;
            hook = hook.with_token(token.trim()).map_err(|error| Unfit::hidden(path, error))?;
        }
        if !hook.is_secure() {
            return match self.tls {
                None => Ok(hook),
                Some(_) => {
                    Err(Unfit::hidden(at("webhook.tls"), "write https:// in the url, or leave it out"))
                }
            };
        }
        let path = at("webhook.tls");
        let tls =
            self.tls.as_ref().map_or_else(|| Ok(ClientTls::new()), |table| table.client(&path, folder))?;
        // Before the files are read for use: where one changes in between, the next reload sees it.
        let said = self.said(folder);
        let transport = Transport::tls(&tls).map_err(|error| Unfit::hidden(path, error))?;
        Ok(hook.with_transport_of(&transport, &said))
    }

    /// What its transport is made of: the table, and what is in its files.
    fn said(&self, folder: &Path) -> (String, Vec<Option<Vec<u8>>>) {
        let table = serde_json::to_value(&self.tls).unwrap_or_default();
        let files = ["ca", "client_certificate", "client_key"].map(|key| table[key].as_str());
        let files = files.iter().flatten().map(|file| fs::read(folder.join(file)).ok()).collect();
        (table.to_string(), files)
    }
}

impl fmt::Debug for WebhookTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookTable").field("token_file", &self.token_file).finish_non_exhaustive()
    }
}

impl Default for AlertTable {
    fn default() -> Self {
        Self {
            budget: Switch::On(BudgetTable::default()),
            panic: Switch::On(HoldTable::default()),
            ejection: Switch::On(HoldTable::default()),
            rejection: Switch::On(RejectionTable::default()),
            objective: None,
            objectives: BTreeMap::new(),
            resolve_after: Span(Duration::from_secs(60)),
            webhook: None,
        }
    }
}

impl Default for BudgetTable {
    fn default() -> Self {
        Self { percent: 80.0, r#for: at_once() }
    }
}

impl Default for RejectionTable {
    fn default() -> Self {
        let (window, hold) = (Span(Duration::from_secs(300)), Span(Duration::from_secs(120)));
        Self { percent: 10.0, window, min_requests: min_requests(), r#for: hold }
    }
}

/// Up to its path, behind which a token may stand; a URL that has none is no webhook's.
fn without_secrets<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let start = url.find("://").map_or(0, |place| place + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |place| start + place);
    let host = url[start..end].rsplit('@').next().unwrap_or_default();
    serializer.serialize_str(&format!("{}{host}/", &url[..start]))
}

fn share(path: &str, percent: f64, most: f64) -> Result<f64, Unfit> {
    if percent > 0.0 && percent <= most {
        return Ok(percent / 100.0);
    }
    let fix = format!("write a percentage, more than 0 and at most {most}");
    Err(Unfit::new(at(path), percent.to_string(), fix))
}

fn at(path: &str) -> String {
    format!("gateway.alert.{path}")
}

/// Times in documents are whole milliseconds.
fn is_whole(time: &&Duration) -> bool {
    time.subsec_nanos().is_multiple_of(1_000_000)
}

fn written(time: &Duration) -> String {
    if time.subsec_millis() == 0 { format!("{}s", time.as_secs()) } else { format!("{}ms", time.as_millis()) }
}

const fn min_requests() -> u64 {
    100
}

const fn at_once() -> Span {
    Span(Duration::ZERO)
}

const PANIC: Duration = Duration::from_secs(30);
const EJECTION: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_certificate_by_the_same_name_is_another_setting() {
        let folder = std::env::temp_dir().join(format!("tenantry-alert-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let table = serde_json::json!({ "url": "https://a/", "tls": { "ca": "ca.pem" } });
        let table: WebhookTable = serde_json::from_value(table).expect("a table");
        let said = |pem: &str| {
            fs::write(folder.join("ca.pem"), pem).expect("a file");
            table.said(&folder)
        };
        let first = said("one");
        assert!(first.0.contains("ca.pem") && first.1.len() == 1);
        assert_ne!(first, said("two"));
        assert_eq!(first, said("one"));
        fs::remove_dir_all(&folder).ok();
    }
}

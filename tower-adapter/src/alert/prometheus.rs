//! The same rules for Prometheus.

use std::{fmt::Write as _, time::Duration};

use super::{AlertKind, AlertRules, Objective, burn::BURNS};
use crate::metrics::BOUNDS;

/// A rule as Prometheus has it.
struct Rule {
    name: String,
    expression: String,
    hold: Duration,
    severity: &'static str,
    summary: &'static str,
}

impl AlertRules {
    /// A rule file for Prometheus, in YAML: the same rules over the families of [`metrics`](crate::metrics). There windows may be as long as its storage is, and survive restarts.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::from("groups:\n  - name: tenantry\n    rules:\n");
        let rules = self.rules();
        if rules.is_empty() {
            return "groups: []\n".to_owned();
        }
        for Rule { name, expression, hold, severity, summary } in rules {
            // A JSON string is a YAML one.
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let (expression, summary) = (quoted(&expression), quoted(summary));
            let keep = written(self.resolve_after);
            write!(
                text,
                "      - alert: {name}\n        expr: {expression}\n        for: {}\n        keep_firing_for: {keep}\n        labels:\n          severity: {severity}\n        annotations:\n          summary: {summary}\n",
                written(hold),
            )
            .expect("writing to a string does not fail");
        }
        text
    }

    fn rules(&self) -> Vec<Rule> {
        let mut rules = vec![];
        let mut add = |kind: AlertKind, name: &str, expression, hold, summary| {
            rules.push(Rule {
                name: format!("Tenantry{name}"),
                expression,
                hold,
                severity: kind.severity(),
                summary,
            });
        };
        if let Some(rule) = self.budget {
            // Limits in shadow mode are not among them, as they are not in `BudgetUse`.
            let expression = format!(
                "tenantry_tenant_limit_used{{kind=\"budget\"}} / tenantry_tenant_limit{{kind=\"budget\"}} >= {}",
                rule.share
            );
            let summary = "{{ $labels.tenant }} has used {{ $value | humanizePercentage }} of its budget of {{ $labels.unit }}";
            add(AlertKind::Budget, "BudgetNearlyUsed", expression, rule.hold, summary);
        }
        if let Some(hold) = self.panic {
            let summary = "{{ $labels.pool }} is in a panic: unhealthy endpoints serve, too";
            add(AlertKind::Panic, "PoolInPanic", "tenantry_pool_panic == 1".to_owned(), hold, summary);
        }
        if let Some(hold) = self.ejection {
            let expression = "tenantry_endpoint_health{state=~\"ejected|failing|disabled\"} == 1".to_owned();
            let summary = "{{ $labels.endpoint }} of {{ $labels.pool }} does not serve: {{ $labels.state }}";
            add(AlertKind::Ejection, "EndpointNotServing", expression, hold, summary);
        }
        if let Some(rule) = self.rejection {
            for (by, name, refused, all, summary) in REFUSALS {
                let window = written(rule.window);
                let sum = |function: &str, labels: &str| {
                    format!("sum by ({by}) ({function}(tenantry_requests_total{labels}[{window}]))")
                };
                let (refused, share) = (sum("rate", refused), rule.share);
                let (rate, count, least) = (sum("rate", all), sum("increase", all), rule.min_requests);
                let expression = format!("{refused} / {rate} >= {share} and {count} >= {least}");
                add(AlertKind::Rejection, name, expression, rule.hold, summary);
            }
        }
        let own = self.objectives.iter().map(|(pool, objective)| (Some(pool.as_str()), objective));
        for (pool, objective) in own.chain(self.objective.iter().map(|objective| (None, objective))) {
            rules.extend(self.burns(pool, objective));
        }
        rules
    }

    /// Of one pool; `None`: of all that have no objective of their own.
    fn burns(&self, pool: Option<&str>, objective: &Objective) -> Vec<Rule> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let which = match pool {
            Some(pool) => format!("pool={}", quoted(pool)),
            None => {
                let others: Vec<_> = self.objectives.keys().map(|pool| escaped(pool)).collect();
                format!("pool!~{}", quoted(&others.join("|")))
            }
        };
        let good = match objective.latency.and_then(bound) {
            Some(bound) => format!("tenantry_response_seconds_bucket{{{which}, le=\"{bound:?}\"}}"),
            None => format!("tenantry_requests_total{{{which}, outcome=\"success\"}}"),
        };
        let all = format!("tenantry_requests_total{{{which}, outcome!=\"refused\"}}");
        let mut rules = vec![];
        for burn in BURNS {
            for (by, whose, summary) in [
                ("pool", "Pool", "the error budget of {{ $labels.pool }} burns too fast"),
                (
                    "pool, tenant",
                    "Tenant",
                    "the error budget of {{ $labels.tenant }} in {{ $labels.pool }} burns too fast",
                ),
            ] {
                let sum = |what: &str, function: &str, window: Duration| {
                    format!("sum by ({by}) ({function}({what}[{}]))", written(window))
                };
                let bad =
                    |window| format!("1 - {} / {}", sum(&good, "rate", window), sum(&all, "rate", window));
                let most = format!("{} * (1 - {})", burn.factor, objective.share);
                let enough = format!("{} >= {}", sum(&all, "increase", burn.long), objective.min_requests);
                let expression = format!(
                    "({}) >= {most} and ({}) >= {most} and {enough}",
                    bad(burn.long),
                    bad(burn.short)
                );
                let speed = if burn.kind == AlertKind::FastBurn { "Fast" } else { "Slow" };
                let (name, severity) = (format!("Tenantry{whose}{speed}Burn"), burn.kind.severity());
                rules.push(Rule { name, expression, hold: objective.hold, severity, summary });
            }
        }
        rules
    }
}

/// By what, the rule's name, what is refused, of what, and what to say.
const REFUSALS: [(&str, &str, &str, &str, &str); 2] = [
    (
        "pool",
        "PoolRefuses",
        "{outcome=\"unserved\"}",
        "{outcome!=\"refused\"}",
        "{{ $value | humanizePercentage }} of the requests that {{ $labels.pool }} should serve are refused",
    ),
    (
        "pool, tenant",
        "TenantRefused",
        "{outcome=~\"refused|unserved\"}",
        "",
        "{{ $value | humanizePercentage }} of the requests of {{ $labels.tenant }} in {{ $labels.pool }} are refused",
    ),
];

/// The bound that stands for a latency.
fn bound(latency: Duration) -> Option<f64> {
    BOUNDS.into_iter().rfind(|bound| *bound <= latency.as_secs_f64())
}

/// A time as Prometheus writes it.
fn written(time: Duration) -> String {
    let millis = time.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let whole = units.into_iter().find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{millis}ms"), |(unit, name)| format!("{}{name}", millis / unit))
}

/// A name as a regular expression (RE2) that means it.
fn escaped(name: &str) -> String {
    let special = |c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == ' ');
    name.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

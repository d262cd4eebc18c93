//! What a scenario states that it shows, and whether it does.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::{
    document::ScenarioError,
    metrics::{Metric, Selector, is_meant},
    plan::Plan,
    results::Outcome,
    scenario::MEASURED,
    span::Span,
};

/// One statement: a figure, and bounds for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// The statement in words.
    pub(crate) what: Option<String>,
    /// Default: the scenario as it stands.
    #[serde(default)]
    pub(crate) variant: String,
    #[serde(default = "measured")]
    pub(crate) window: String,
    #[serde(default = "everybody")]
    pub(crate) tenant: String,
    /// What one load asked for, instead of one tenant: a tenant may have several.
    pub(crate) load: Option<String>,
    pub(crate) metric: Metric,
    pub(crate) at_least: Option<Bound>,
    pub(crate) at_most: Option<Bound>,
    pub(crate) at_least_of: Option<Reference>,
    pub(crate) at_most_of: Option<Reference>,
}

/// Another figure to compare with: `times` × that figure + `plus`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    /// A variant. `fixed=*` is the best of a sweep: of those within 1 % of the most goodput, the one with the lowest p99.
    #[serde(default)]
    pub(crate) variant: String,
    pub(crate) window: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) load: Option<String>,
    pub(crate) metric: Option<Metric>,
    #[serde(default = "once")]
    pub(crate) times: f64,
    #[serde(default)]
    pub(crate) plus: Bound,
}

/// A number, or a duration in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound(pub(crate) f64);

/// What became of a statement.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) statement: String,
    pub(crate) found: f64,
    /// Both bounds, in words and figures.
    pub(crate) bounds: String,
    pub(crate) holds: bool,
}

impl Expect {
    /// Looks it up.
    pub(crate) fn judge(&self, outcomes: &[Outcome]) -> Verdict {
        let outcome = outcomes.iter().find(|outcome| outcome.variant == self.variant);
        let found = outcome.map_or(f64::NAN, |outcome| outcome.figure(&self.selector()));
        let refer = |reference: &Option<Reference>| {
            reference.as_ref().map(|reference| self.bound_of(reference, outcomes))
        };
        let least = self.at_least.map(|bound| bound.0).into_iter().chain(refer(&self.at_least_of));
        let most = self.at_most.map(|bound| bound.0).into_iter().chain(refer(&self.at_most_of));
        let (least, most): (Vec<f64>, Vec<f64>) = (least.collect(), most.collect());
        // A figure that is not a number holds no bound.
        let holds = least.iter().all(|&least| found >= least) && most.iter().all(|&most| found <= most);
        let words = least.iter().map(|least| format!("≥ {}", self.metric.show(*least)));
        let words = words.chain(most.iter().map(|most| format!("≤ {}", self.metric.show(*most))));
        Verdict {
            statement: self.statement(),
            found,
            bounds: words.collect::<Vec<_>>().join(", "),
            holds: holds && found.is_finite(),
        }
    }

    fn selector(&self) -> Selector<'_> {
        let load = self.load.as_deref();
        Selector { window: &self.window, tenant: &self.tenant, load, metric: self.metric }
    }

    fn selector_of<'a>(&'a self, reference: &'a Reference) -> Selector<'a> {
        Selector {
            window: reference.window.as_deref().unwrap_or(&self.window),
            tenant: reference.tenant.as_deref().unwrap_or(&self.tenant),
            load: reference.load.as_deref().or(self.load.as_deref()),
            metric: reference.metric.unwrap_or(self.metric),
        }
    }

    fn bound_of(&self, reference: &Reference, outcomes: &[Outcome]) -> f64 {
        let selector = self.selector_of(reference);
        let outcome = referred(&reference.variant, &selector, outcomes);
        outcome.map_or(f64::NAN, |outcome| reference.times * outcome.figure(&selector) + reference.plus.0)
    }

    fn statement(&self) -> String {
        let within =
            |name: &str, default: &str| if name == default { String::new() } else { format!(" [{name}]") };
        let of = self.load.as_deref().or_else(|| (self.tenant != "*").then_some(&self.tenant));
        let of = of.map_or_else(String::new, |name| format!(" of {name}"));
        let variant = within(&self.variant, "");
        let window = within(&self.window, MEASURED);
        let figure = format!("{}{of}{variant}{window}", self.metric.name());
        self.what.as_ref().map_or_else(|| figure.clone(), |what| format!("{what}: {figure}"))
    }

    /// The variants whose figures it compares.
    pub(crate) fn speaks_of<'a>(&self, outcomes: &'a [Outcome]) -> Vec<&'a Outcome> {
        let references = [&self.at_least_of, &self.at_most_of].into_iter().flatten();
        let referred = references
            .filter_map(|reference| referred(&reference.variant, &self.selector_of(reference), outcomes));
        outcomes.iter().filter(|outcome| outcome.variant == self.variant).chain(referred).collect()
    }

    /// What it speaks of must be there.
    pub(crate) fn check(&self, plans: &[(String, Plan)]) -> Result<(), ScenarioError> {
        if self.at_least.is_none()
            && self.at_most.is_none()
            && self.at_least_of.is_none()
            && self.at_most_of.is_none()
        {
            return Err(ScenarioError::new(
                ".",
                "give a bound: at_least, at_most, at_least_of or at_most_of",
            ));
        }
        check_names("", plans, &self.variant, &self.selector())?;
        for (field, reference) in [("at_least_of", &self.at_least_of), ("at_most_of", &self.at_most_of)] {
            let Some(reference) = reference else { continue };
            check_names(field, plans, &reference.variant, &self.selector_of(reference))?;
        }
        Ok(())
    }
}

/// The variant that is meant: by its name, or the best of a sweep.
fn referred<'a>(name: &str, selector: &Selector<'_>, outcomes: &'a [Outcome]) -> Option<&'a Outcome> {
    let Some(prefix) = name.strip_suffix('*') else {
        return outcomes.iter().find(|outcome| outcome.variant == name);
    };
    let of_all = |metric| Selector::of_tenant(selector.window, "*", metric);
    let goodput = |outcome: &Outcome| outcome.figure(&of_all(Metric::Goodput));
    let candidates = || outcomes.iter().filter(|outcome| outcome.variant.starts_with(prefix));
    let most = candidates().map(goodput).fold(0.0, f64::max);
    let p99 = |outcome: &&Outcome| outcome.figure(&of_all(Metric::P99));
    let good = candidates().filter(|outcome| goodput(outcome) >= 0.99 * most);
    good.min_by(|one, other| p99(one).total_cmp(&p99(other)))
}

fn check_names(
    root: &str,
    plans: &[(String, Plan)],
    variant: &str,
    selector: &Selector<'_>,
) -> Result<(), ScenarioError> {
    let &Selector { window, tenant, load, metric } = selector;
    let wrong = |field: &str, problem: String| Err(ScenarioError::new(field, problem).within(root));
    let Some((_, plan)) = plans.iter().find(|(name, _)| is_meant(variant, name)) else {
        return wrong("variant", format!("there is no variant \"{variant}\""));
    };
    if !plan.scenario.all_windows().iter().any(|(name, _)| name == window) {
        return wrong("window", format!("there is no window \"{window}\""));
    }
    if !plan.tenants.iter().any(|name| is_meant(tenant, name)) {
        return wrong("tenant", format!("no tenant \"{tenant}\" asks in this variant"));
    }
    let Some(load) = load else { return Ok(()) };
    if tenant != "*" {
        return wrong("load", "give either `tenant` or `load`".to_owned());
    }
    if matches!(metric, Metric::Jain | Metric::Backlogged) {
        return wrong("load", format!("{} is a figure of tenants: leave `load` out", metric.name()));
    }
    if !plan.loads.iter().any(|planned| is_meant(load, &planned.name)) {
        return wrong("load", format!("there is no load \"{load}\" in this variant"));
    }
    Ok(())
}

impl Metric {
    /// As scenario files write it.
    pub(crate) fn name(self) -> String {
        let mut name = String::new();
        for (at, letter) in format!("{self:?}").char_indices() {
            if letter.is_uppercase() && at > 0 {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }

    const fn is_duration(self) -> bool {
        matches!(
            self,
            Self::Mean
                | Self::P50
                | Self::P90
                | Self::P99
                | Self::P999
                | Self::Longest
                | Self::WaitMean
                | Self::WaitP50
                | Self::WaitP99
                | Self::WaitP999
        )
    }

    /// A value of it, as people read it.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "–".to_owned(),
            metric if metric.is_duration() => format!("{:.1} ms", value * 1e3),
            Self::Success | Self::ErrorShare | Self::Share => format!("{:.2} %", value * 100.0),
            Self::Jain => format!("{value:.4}"),
            _ => format!("{value:.1}"),
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Bound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a duration such as \"20ms\"")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Bound, E> {
                Ok(Bound(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
            fn visit_i64<E>(self, value: i64) -> Result<Bound, E> {
                Ok(Bound(value as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
            fn visit_u64<E>(self, value: u64) -> Result<Bound, E> {
                Ok(Bound(value as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bound, E> {
                text.parse::<Span>().map(|span| Bound(span.seconds())).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn measured() -> String {
    MEASURED.to_owned()
}

fn everybody() -> String {
    "*".to_owned()
}

const fn once() -> f64 {
    1.0
}

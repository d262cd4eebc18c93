//! Health checks, as the document writes them.

use std::{collections::BTreeMap, num::NonZeroU16, ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use super::{CheckKind, CheckScheme, HealthCheckSpec, HttpCheck, InitialHealth};
use crate::config::{
    document::one_or_list,
    short::{Period, ShortForm},
};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct HealthCheckTable {
    http: Option<Box<str>>,
    #[serde(default)]
    tcp: bool,
    #[serde(default)]
    tls: bool,
    grpc: Option<Box<str>>,
    custom: Option<Box<str>>,
    method: Option<Box<str>>,
    host: Option<Box<str>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "one_or_list")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::config::schema::OneOrList<Statuses>"))]
    status: Vec<Statuses>,
    body: Option<Box<str>>,
    port: Option<NonZeroU16>,
    #[serde(default)]
    scheme: SchemeName,
    server_name: Option<Box<str>>,
    every: Option<Period>,
    every_in_doubt: Option<Period>,
    every_unhealthy: Option<Period>,
    every_idle: Option<Period>,
    jitter: Option<f64>,
    timeout: Option<Period>,
    rise: Option<u32>,
    fall: Option<u32>,
    #[serde(default)]
    initial: InitialName,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum SchemeName {
    #[default]
    AsAddress,
    Http,
    Https,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum InitialName {
    #[default]
    Healthy,
    OneSuccess,
    Unhealthy,
}

impl ShortForm for HealthCheckSpec {
    type Table = HealthCheckTable;
    const EXPECTED: &'static str = "a path such as \"/healthz\", or a table with one of http = \"/healthz\", tcp = true, tls = true, grpc = \"service\" and custom = \"name\"";

    fn from_table(mut table: HealthCheckTable) -> Result<Self, String> {
        let kind = table.take_kind()?;
        let mut spec = Self::new(kind).with_scheme(match table.scheme {
            SchemeName::AsAddress => CheckScheme::AsAddress,
            SchemeName::Http => CheckScheme::Http,
            SchemeName::Https => CheckScheme::Https,
        });
        spec = spec.with_initial(match table.initial {
            InitialName::Healthy => InitialHealth::Healthy,
            InitialName::OneSuccess => InitialHealth::OneSuccess,
            InitialName::Unhealthy => InitialHealth::Unhealthy,
        });
        spec = given(spec, table.port, Self::with_port);
        spec = given(spec, table.server_name, Self::with_server_name);
        spec = given(spec, duration(table.every), Self::with_every);
        spec = given(spec, duration(table.every_in_doubt), Self::with_every_in_doubt);
        spec = given(spec, duration(table.every_unhealthy), Self::with_every_unhealthy);
        spec = given(spec, duration(table.every_idle), Self::with_every_idle);
        spec = given(spec, duration(table.timeout), Self::with_timeout);
        spec = given(spec, table.jitter, Self::with_jitter);
        spec = given(spec, table.rise, Self::with_rise);
        Ok(given(spec, table.fall, Self::with_fall))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::http(text))
    }
}

impl HealthCheckTable {
    /// The one kind that it names.
    fn take_kind(&mut self) -> Result<CheckKind, String> {
        let http = self.take_http()?;
        let kinds = [
            http.map(CheckKind::Http),
            self.tcp.then_some(CheckKind::Tcp),
            self.tls.then_some(CheckKind::Tls),
            self.grpc.take().map(CheckKind::Grpc),
            self.custom.take().map(CheckKind::Custom),
        ];
        let mut named = kinds.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(kind), None) => Ok(kind),
            _ => Err("give exactly one of http = \"/healthz\", tcp = true, tls = true, grpc = \"service\" and custom = \"name\"".to_owned()),
        }
    }

    fn take_http(&mut self) -> Result<Option<HttpCheck>, String> {
        let headers = std::mem::take(&mut self.headers);
        let statuses = std::mem::take(&mut self.status);
        let (method, host, body) = (self.method.take(), self.host.take(), self.body.take());
        let Some(path) = self.http.take() else {
            let only = !headers.is_empty()
                || !statuses.is_empty()
                || method.is_some()
                || host.is_some()
                || body.is_some();
            let fix = "leave method, host, headers, status and body out, or give http = \"/healthz\": they are of checks by HTTP";
            return if only { Err(fix.to_owned()) } else { Ok(None) };
        };
        let mut check = given(HttpCheck::new(path), method, HttpCheck::with_method);
        check = given(check, host, HttpCheck::with_host);
        check = given(check, body, HttpCheck::with_body);
        check = headers.into_iter().fold(check, |check, (name, value)| check.with_header(name, value));
        Ok(Some(statuses.into_iter().fold(check, |check, Statuses(range)| check.with_status(range))))
    }
}

/// With what the document gives, or as it is.
fn given<S, T>(spec: S, value: Option<T>, with: impl FnOnce(S, T) -> S) -> S {
    match value {
        Some(value) => with(spec, value),
        None => spec,
    }
}

fn duration(period: Option<Period>) -> Option<Duration> {
    period.map(|Period(duration)| duration)
}

/// A status, or a range of them.
pub(in crate::config) struct Statuses(RangeInclusive<u16>);

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct StatusTable {
    from: u16,
    to: u16,
}

impl ShortForm for Statuses {
    type Table = StatusTable;
    const EXPECTED: &'static str = "a status such as 200, or a range such as \"200-399\"";

    fn from_table(table: StatusTable) -> Result<Self, String> {
        Ok(Self(table.from..=table.to))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let range = text
            .split_once('-')
            .and_then(|(first, last)| Some(first.trim().parse().ok()?..=last.trim().parse().ok()?));
        range.map(Self).ok_or_else(|| format!("give {}", Self::EXPECTED))
    }

    fn from_number(number: u64) -> Result<Self, String> {
        let status = u16::try_from(number).map_err(|_| format!("give {}", Self::EXPECTED))?;
        Ok(Self(status..=status))
    }
}

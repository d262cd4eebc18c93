//! What somebody should know (feature `admin`): rules over a balancer's figures, evaluated here, so that a gateway alone can call for help.
//!
//! ```text
//! figures, once a second ──► Alerts ──► firing, resolved ──► events · /status · Webhook
//!                            rules, hold, hysteresis
//! ```
//!
//! | [`AlertKind`] | alarming when | default of [`AlertRules::recommended`] |
//! |---|---|---|
//! | [`Budget`](AlertKind::Budget) | so much of a tenant's budget is used | 80 %, at once |
//! | [`Panic`](AlertKind::Panic) | a pool is in a panic | for 30 s |
//! | [`Ejection`](AlertKind::Ejection) | an endpoint does not serve: ejected, failing its checks, disabled | for 1 min |
//! | [`Rejection`](AlertKind::Rejection) | a share of the requests of a tenant in a pool is refused, or of all because the pool cannot serve them | 10 % of at least 100 in 5 min, for 2 min |
//! | [`FastBurn`](AlertKind::FastBurn) | an [`Objective`]'s error budget burns 14.4 times as fast as it may, over 1 h and over 5 min | no objective |
//! | [`SlowBurn`](AlertKind::SlowBurn) | 6 times, over 6 h and over 30 min | no objective |
//!
//! The last two are Google's (*The Site Reliability Workbook*, chapter 5). All end with hysteresis: below nine tenths of what is alarming, for
//! [1 min](AlertRules::with_resolve_after).
//!
//! [`Alerts`] is the engine, [`Webhook`] tells others, [`AlertRules::prometheus`] writes the same rules for Prometheus, for whoever has one: it remembers over restarts.
//! [`Admin::with_alerts`](crate::admin::Admin::with_alerts) puts all of it together.

#[expect(clippy::module_inception, reason = "the type that the folder is named for")]
mod alert;
mod alerts;
mod burn;
mod prometheus;
mod rules;
mod series;
mod track;
mod webhook;
mod window;

pub use alert::{Alert, AlertKey, AlertKind};
pub use alerts::{Alerts, BudgetUse, MOST_ALERTS, Observation};
pub use rules::{AlertRules, BudgetRule, Objective, RejectionRule};
pub(crate) use webhook::Sending;
pub use webhook::{Webhook, WebhookError};

//! The configuration: one value, the same in every language.
//!
//! Built with setters, or read from the one document (feature `config`); checked once, as a whole; a refused one changes nothing.

mod attempts;
#[cfg(feature = "config")]
mod attempts_table;
mod balancing;
mod bounds;
mod budget;
mod capacity;
#[cfg(feature = "config")]
mod capacity_table;
mod cooldown;
#[cfg(feature = "config")]
mod cooldown_table;
mod dimensions;
mod discovery;
#[cfg(feature = "config")]
mod document;
mod endpoint;
mod endpoint_change;
#[cfg(feature = "config")]
mod endpoint_list;
mod endpoint_rates;
#[cfg(feature = "config")]
mod endpoint_table;
mod error;
#[cfg(feature = "config")]
mod format;
mod grant;
mod hashing;
mod health_check;
mod learnt;
mod learnt_by_floor;
#[cfg(feature = "config")]
mod limit_tables;
mod outlier;
mod outlier_rules;
#[cfg(feature = "config")]
mod outlier_table;
mod pool;
mod prequal;
mod queue;
#[cfg(feature = "config")]
mod queue_table;
mod rate;
mod root;
#[cfg(feature = "schema")]
mod schema;
mod seats;
#[cfg(feature = "config")]
mod seats_table;
#[cfg(feature = "config")]
mod short;
mod slow_start;
mod strategy;
#[cfg(feature = "config")]
mod strategy_table;
mod subset;
mod tenant;
mod tenant_rules;
mod tiers;
mod validate;
#[cfg(feature = "config")]
mod written;

pub use attempts::AttemptsSpec;
pub use balancing::{CustomSpec, LeastLoadedSpec, LoadKind, P2cSpec, RoundRobinSpec, WeightedSpec};
pub(crate) use bounds::Bounds;
pub use budget::{Budget, BudgetPeriod};
pub use capacity::CapacitySpec;
pub use cooldown::{CooldownScope, CooldownSpec};
pub use discovery::DiscoverySpec;
pub use endpoint::EndpointSpec;
pub use endpoint_change::EndpointChange;
pub use error::ConfigError;
pub(crate) use error::{key, quoted};
#[cfg(feature = "config")]
pub use format::Format;
pub use grant::Grant;
pub use hashing::{KetamaSpec, MaglevSpec, RendezvousSpec, RingSpec};
pub use health_check::{CheckKind, CheckScheme, HealthCheckSpec, HttpCheck, InitialHealth};
pub use learnt::{AdaptiveSpec, AimdSpec, Gradient2Spec};
pub use learnt_by_floor::{GradientSpec, VegasSpec};
pub use outlier::OutlierSpec;
pub use outlier_rules::{FailurePercentageSpec, LatencyOutlierSpec, SuccessRateSpec};
pub use pool::PoolSpec;
pub use prequal::PrequalSpec;
pub use queue::{CodelSpec, QueueOrder, QueueSpec};
pub use rate::{Rate, RateUnit};
pub use root::{Config, UnknownTenants};
pub(crate) use root::{DEEPEST, MOST_TENANTS, OTHER, OVERFLOW, RESERVED};
pub use seats::{Amount, SeatsSpec};
pub use slow_start::SlowStartSpec;
pub use strategy::StrategySpec;
pub use subset::SubsetSpec;
pub use tenant::TenantSpec;
pub(crate) use tenant_rules::{Known, MOST_INSIDE, is_plain};
pub use tiers::TiersSpec;

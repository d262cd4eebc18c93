//! The configuration: one value, the same in every language.
//!
//! Build it with setters, or read it from the one document (feature `config`, with `toml` and `yaml`): the same keys in TOML,
//! YAML, JSON, a Python dict and a JavaScript object. It is checked once, as a whole, when a balancer takes it; a refused
//! one changes nothing.

mod bounds;
mod budget;
mod capacity;
#[cfg(feature = "config")]
mod capacity_table;
mod dimensions;
#[cfg(feature = "config")]
mod document;
mod error;
#[cfg(feature = "config")]
mod format;
mod learnt;
mod learnt_by_floor;
#[cfg(feature = "config")]
mod limit_tables;
mod outlier;
mod pool;
mod queue;
#[cfg(feature = "config")]
mod queue_table;
mod rate;
mod root;
mod seats;
#[cfg(feature = "config")]
mod seats_table;
#[cfg(feature = "config")]
mod short;
mod strategy;
mod tenant;

pub(crate) use bounds::Bounds;
pub use budget::{Budget, BudgetPeriod};
pub use capacity::CapacitySpec;
pub use error::ConfigError;
pub(crate) use error::{key, quoted};
#[cfg(feature = "config")]
pub use format::Format;
pub use learnt::{AdaptiveSpec, AimdSpec, Gradient2Spec};
pub use learnt_by_floor::{GradientSpec, VegasSpec};
pub use outlier::OutlierSpec;
pub use pool::{EndpointSpec, PoolSpec};
pub use queue::{CodelSpec, QueueOrder, QueueSpec};
pub use rate::{Rate, RateUnit};
pub use root::{Config, UnknownTenants};
pub(crate) use root::{DEEPEST, MOST_TENANTS, OTHER, OVERFLOW, RESERVED};
pub use seats::{Amount, SeatsSpec};
pub use strategy::StrategySpec;
pub use tenant::TenantSpec;
pub(crate) use tenant::{Known, MOST_INSIDE, is_plain};

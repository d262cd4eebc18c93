//! Budgets and debts that survive a restart: a [`LedgerFile`], and a [`LedgerKeeper`] that keeps it up to date.
//!
//! What a crash loses is what was settled since the last save, and nothing else: at most what is settled in one interval and while a save
//! takes place ([`LedgerKeeper::save_every`]), or at most so many settlements and one more for each thread that settles
//! ([`LedgerKeeper::save_within`]). Nothing is ever charged twice. Requests in flight at the crash stay charged as they were declared.
//!
//! ```
//! use std::time::Duration;
//! use tenantry::{Balancer, Budget, BudgetPeriod, Config, Outcome, PoolSpec, Request, TenantSpec};
//! use tenantry_tower::ledger::{LedgerFile, LedgerKeeper};
//!
//! # let folder = std::env::temp_dir().join(format!("tenantry-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("tenantry.ledger");
//! let config = Config::new()
//!     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
//!     .with_tenant("acme", TenantSpec::new().with_budget(Budget::cost(1_000, BudgetPeriod::Month)));
//!
//! // Today.
//! let balancer = Balancer::new(config.clone())?;
//! let keeper = LedgerKeeper::open(balancer.clone(), LedgerFile::open(&path)?)?;
//! let saving = keeper.save_every(Duration::from_secs(1));
//! balancer.try_acquire(&Request::new("acme").cost(400))?.finish(Outcome::success());
//! drop(saving); // Saves once more. A crash would have lost the last second at most.
//! # drop(keeper);
//!
//! // Tomorrow.
//! let balancer = Balancer::new(config)?;
//! let keeper = LedgerKeeper::open(balancer.clone(), LedgerFile::open(&path)?)?;
//! assert_eq!(balancer.limits_of("acme").expect("it is there")[0].remaining(), 600);
//! # drop(keeper);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod file;
mod keeper;

pub use error::LedgerFileError;
pub use file::LedgerFile;
pub use keeper::{LedgerKeeper, Saving};

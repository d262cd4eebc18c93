//! Checks that only the application knows.

use std::{collections::HashMap, fmt, pin::Pin, sync::Arc};

use tenantry::HealthCheck;

use super::CheckFailed;
use crate::proxy::without_credential;

/// Whom a check is about.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckedEndpoint {
    pool: String,
    address: String,
}

impl CheckedEndpoint {
    pub(super) fn of(check: &HealthCheck) -> Self {
        Self { pool: check.pool().to_owned(), address: check.address().to_owned() }
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// The endpoint's address, as the configuration writes it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Debug for CheckedEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = without_credential(&self.address);
        f.debug_struct("CheckedEndpoint").field("pool", &self.pool).field("address", &address).finish()
    }
}

/// The functions by their names.
pub(super) type Functions = HashMap<String, Function>;

/// One of them.
pub(super) type Function = Arc<dyn Fn(CheckedEndpoint) -> Answering + Send + Sync>;

type Answering = Pin<Box<dyn Future<Output = Result<(), CheckFailed>> + Send>>;

pub(super) fn function<F, R>(check: F) -> Function
where
    F: Fn(CheckedEndpoint) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), CheckFailed>> + Send + 'static,
{
    Arc::new(move |endpoint| Box::pin(check(endpoint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_credential_is_never_shown() {
        let address = "http://user:secret@a:1".to_owned();
        let endpoint = CheckedEndpoint { pool: "api".to_owned(), address };
        assert_eq!(format!("{endpoint:?}"), r#"CheckedEndpoint { pool: "api", address: "a:1" }"#);
    }
}

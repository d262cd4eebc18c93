//! One thing in the `[gateway]` table that cannot be used, and how it is told.

use std::{fmt, path::PathBuf};

/// Where, what, and what would be right. The value is empty where there is none, or where it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfit {
    /// Where it stands.
    pub path: String,
    /// What stands there.
    pub value: String,
    /// What would be right.
    pub fix: String,
}

impl Unfit {
    pub(crate) fn new(path: impl Into<String>, value: impl Into<String>, fix: impl fmt::Display) -> Self {
        Self { path: path.into(), value: value.into(), fix: fix.to_string() }
    }

    /// Without the value: it may be a secret.
    pub(crate) fn hidden(path: impl Into<String>, fix: impl fmt::Display) -> Self {
        Self::new(path, "", fix)
    }

    /// A file that cannot be read.
    pub(crate) fn file(path: impl Into<String>, file: &PathBuf, problem: impl fmt::Display) -> Self {
        Self::new(path, format!("{file:?}"), format!("name a file that can be read: {problem}"))
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, value, fix } = self;
        if value.is_empty() {
            write!(f, "{path}: {fix}")
        } else {
            write!(f, "{path}: {value} cannot be used: {fix}")
        }
    }
}

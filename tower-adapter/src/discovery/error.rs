//! Why endpoints were not found.

use std::{error, fmt, path::PathBuf};

use tenantry::ConfigError;

/// Why a [`Source`](super::Source) cannot be asked, or has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// What was to be looked up in DNS is not written so that it can be.
    Name {
        /// What was written.
        text: String,
        /// What would be right.
        fix: &'static str,
    },
    /// No name server gave an answer.
    Lookup {
        /// The name.
        name: String,
        /// The type of the records.
        record: &'static str,
        /// What went wrong.
        problem: String,
    },
    /// A file cannot be read, or not be watched.
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        problem: String,
    },
    /// What is in a file cannot be used.
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// Any other source's word.
    Other {
        /// What went wrong.
        problem: String,
    },
}

impl DiscoveryError {
    /// The error of a source of one's own.
    pub fn other(problem: impl fmt::Display) -> Self {
        Self::Other { problem: problem.to_string() }
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { text, fix } => write!(f, "{text:?} cannot be looked up: {fix}"),
            Self::Lookup { name, record, problem } => write!(f, "no answer for {name} {record}: {problem}"),
            Self::File { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::Content { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Other { problem } => f.write_str(problem),
        }
    }
}

impl error::Error for DiscoveryError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Content { source, .. } => Some(source),
            Self::Name { .. } | Self::Lookup { .. } | Self::File { .. } | Self::Other { .. } => None,
        }
    }
}

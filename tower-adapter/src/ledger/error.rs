//! Why a ledger's file cannot be used.

use std::{error, fmt, io, path::PathBuf};

use tenantry::LedgerError;

/// Why a [`LedgerFile`](super::LedgerFile) could not be opened, read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum LedgerFileError {
    /// Another process, or another part of this one, has it open.
    InUse {
        /// The file that is held: the ledger's lock.
        path: PathBuf,
    },
    /// The system refused.
    Io {
        /// What was asked of it, as in `could not …`.
        action: &'static str,
        /// Of which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Neither the file nor the one before it is a whole ledger.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: LedgerError,
    },
}

impl fmt::Display for LedgerFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { path } => {
                write!(f, "{} is held by another process: give each its own ledger", path.display())
            }
            Self::Io { action, path, source } => write!(f, "could not {action} {}: {source}", path.display()),
            Self::Unreadable { path, source } => write!(
                f,
                "{} cannot be read, nor the one before it: {source}; move both away to start with fresh limits",
                path.display()
            ),
        }
    }
}

impl error::Error for LedgerFileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::InUse { .. } => None,
            Self::Io { source, .. } => Some(source),
            Self::Unreadable { source, .. } => Some(source),
        }
    }
}

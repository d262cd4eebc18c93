use std::{error, fmt, path::PathBuf};

/// Why TLS cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be used.
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// There is no certificate to show.
    NoCertificate,
    /// The system has no roots to trust.
    NoRoots,
    /// What the parts make together cannot be used.
    Unusable {
        /// As rustls says it.
        problem: String,
    },
}

impl TlsError {
    pub(super) fn unusable(problem: impl fmt::Display) -> Self {
        Self::Unusable { problem: problem.to_string() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, problem } => write!(f, "{}: {problem}", file.display()),
            Self::NoCertificate => f.write_str("name a certificate and its key"),
            Self::NoRoots => f.write_str("the system has no certificates to trust: name a file of them"),
            Self::Unusable { problem } => f.write_str(problem),
        }
    }
}

impl error::Error for TlsError {}

use std::{error, fmt, io};

use tenantry::ConfigError;

use crate::unfit::Unfit;

/// Why a file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum DocumentError {
    /// It cannot be read.
    Read(io::Error),
    /// Its extension is none of `toml`, `yaml`, `yml`, `json`.
    Extension,
    /// Something in it is wrong.
    Config(ConfigError),
    /// The parts do not fit: a route's pool does not exist, a key is no hash, or the gateway cannot dial an endpoint.
    Unfit(Unfit),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Extension => {
                f.write_str("name the file .toml, .yaml, .yml or .json, so that its format is known")
            }
            Self::Config(error) => error.fmt(f),
            Self::Unfit(unfit) => unfit.fmt(f),
        }
    }
}

impl error::Error for DocumentError {}

impl From<Unfit> for DocumentError {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

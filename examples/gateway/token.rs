//! `jwt`: which tokens are good, and where the keys to check them are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use tenantry_tower::identity::{
    ClaimPath, Credential,
    jwt::{Algorithm, Jwks, Jwt},
};

use crate::{unfit::Unfit, values::Span};

/// `jwt = { jwks_file = "jwks.json", algorithms = ["RS256"], issuer = "…", audience = "…", tenant = "org.id" }`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenTable {
    jwks_file: Option<PathBuf>,
    jwks: Option<String>,
    secret_file: Option<PathBuf>,
    /// Here only so that no error shows it.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    secret: Option<IgnoredAny>,
    algorithms: Vec<String>,
    issuer: String,
    audience: String,
    tenant: Option<String>,
    scopes: Option<String>,
    leeway: Option<Span>,
    #[serde(default)]
    forward: bool,
}

impl TokenTable {
    pub(crate) fn checker(&self, path: &str, folder: &Path) -> Result<Jwt, Unfit> {
        let mut algorithms = Vec::new();
        for (index, name) in self.algorithms.iter().enumerate() {
            let wrong = |error| Unfit::new(format!("{path}.algorithms[{index}]"), format!("{name:?}"), error);
            algorithms.push(name.parse::<Algorithm>().map_err(wrong)?);
        }
        let jwt = Jwt::new(self.keys(path, folder)?, algorithms);
        let jwt = jwt.map_err(|error| {
            Unfit::new(format!("{path}.algorithms"), format!("{:?}", self.algorithms), error)
        })?;
        let mut jwt = jwt.with_issuer(&self.issuer).with_audience(&self.audience);
        if let Some(claim) = &self.tenant {
            jwt = jwt.with_tenant_claim(ClaimPath::new(claim.as_str()));
        }
        if let Some(claim) = &self.scopes {
            jwt = jwt.with_scopes_claim(ClaimPath::new(claim.as_str()));
        }
        if let Some(Span(leeway)) = self.leeway {
            jwt = jwt.with_leeway(leeway);
        }
        let credential = Credential::bearer();
        Ok(jwt.with_credential(if self.forward { credential.forwarded() } else { credential }))
    }

    fn keys(&self, path: &str, folder: &Path) -> Result<Jwks, Unfit> {
        if self.secret.is_some() {
            return Err(Unfit::hidden(
                format!("{path}.secret"),
                "write it into a file, and name that: secret_file",
            ));
        }
        match (&self.jwks_file, &self.jwks, &self.secret_file) {
            (Some(file), None, None) => {
                let (path, file) = (format!("{path}.jwks_file"), folder.join(file));
                // It is read again later; one that is wrong from the start shall not wait for the first request.
                let keys = fs::read(&file).map_err(|error| Unfit::file(&path, &file, error))?;
                Jwks::fixed(&keys).map_err(|error| Unfit::file(&path, &file, error))?;
                Ok(Jwks::file(file))
            }
            (None, Some(url), None) => {
                let wrong = |error| Unfit::new(format!("{path}.jwks"), format!("{url:?}"), error);
                Jwks::local_url(url).map_err(wrong)
            }
            (None, None, Some(file)) => {
                let (path, file) = (format!("{path}.secret_file"), folder.join(file));
                let secret = fs::read(&file).map_err(|error| Unfit::file(&path, &file, error))?;
                match secret.trim_ascii() {
                    secret if secret.len() >= 32 => Ok(Jwks::secret(secret)),
                    _ => Err(Unfit::hidden(path, "let it hold at least 32 random bytes (RFC 7518 §3.2)")),
                }
            }
            _ => Err(Unfit::hidden(path, "say where the keys are: one of jwks_file, jwks and secret_file")),
        }
    }
}

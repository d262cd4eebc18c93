//! `jwt`: which tokens are good, and where the keys to check them are.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use tenantry_tower::{
    identity::{
        ClaimPath, Credential,
        jwt::{Algorithm, Jwks, Jwt, JwtError},
    },
    tls::ClientTls,
};

use crate::{unfit::Unfit, values::Span};

/// `jwt = { jwks = "https://…" or jwks_file = "jwks.json", algorithms = ["RS256"], issuer = "…", audience = "…", tenant = "org.id" }`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenTable {
    jwks_file: Option<PathBuf>,
    jwks: Option<String>,
    jwks_ca: Option<PathBuf>,
    #[serde(default = "max_age")]
    jwks_max_age: Span,
    #[serde(default = "cooldown")]
    jwks_cooldown: Span,
    secret_file: Option<PathBuf>,
    /// Here only so that no error shows it.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    secret: Option<IgnoredAny>,
    algorithms: Vec<String>,
    issuer: String,
    audience: String,
    #[serde(default = "tenant")]
    tenant: String,
    #[serde(default = "scopes")]
    scopes: String,
    #[serde(default = "leeway")]
    leeway: Span,
    #[serde(default)]
    forward: bool,
}

/// Keys that come from an issuer, who may be away when another document comes into force.
#[derive(Clone)]
pub(crate) struct Fetched {
    url: String,
    ca: Option<PathBuf>,
    keys: Jwks,
}

impl Fetched {
    /// Goes on with what was fetched before from the same place. A file is read anew: it is there.
    pub(crate) fn go_on_with(&self, before: &Self) {
        if self.url == before.url && self.ca == before.ca {
            self.keys.carry_on(&before.keys);
        }
    }
}

impl TokenTable {
    /// What checks tokens, and the keys that it fetches from an issuer.
    pub(crate) fn checker(&self, path: &str, folder: &Path) -> Result<(Jwt, Option<Fetched>), Unfit> {
        let mut algorithms = Vec::new();
        for (index, name) in self.algorithms.iter().enumerate() {
            let wrong = |error| Unfit::new(format!("{path}.algorithms[{index}]"), format!("{name:?}"), error);
            algorithms.push(name.parse::<Algorithm>().map_err(wrong)?);
        }
        let keys = self.timed(self.keys(path, folder)?);
        let fetched = self.jwks.clone().map(|url| Fetched {
            url,
            ca: self.jwks_ca.as_ref().map(|file| folder.join(file)),
            keys: keys.clone(),
        });
        let jwt = Jwt::new(keys, algorithms);
        let jwt = jwt.map_err(|error| {
            Unfit::new(format!("{path}.algorithms"), format!("{:?}", self.algorithms), error)
        })?;
        let Span(leeway) = self.leeway;
        let jwt = jwt.with_issuer(&self.issuer).with_audience(&self.audience).with_leeway(leeway);
        let (tenant, scopes) = (ClaimPath::new(self.tenant.as_str()), ClaimPath::new(self.scopes.as_str()));
        let jwt = jwt.with_tenant_claim(tenant).with_scopes_claim(scopes);
        let credential = Credential::bearer();
        Ok((jwt.with_credential(if self.forward { credential.forwarded() } else { credential }), fetched))
    }

    fn timed(&self, keys: Jwks) -> Jwks {
        let (Span(age), Span(cooldown)) = (self.jwks_max_age, self.jwks_cooldown);
        keys.with_max_age(age).with_cooldown(cooldown)
    }

    fn keys(&self, path: &str, folder: &Path) -> Result<Jwks, Unfit> {
        let is_secure = self.jwks.as_ref().is_some_and(|url| url.starts_with("https://"));
        if self.jwks_ca.is_some() && !is_secure {
            let fix = "leave it out: it says who may vouch for the server of jwks = \"https://…\", and there is none";
            return Err(Unfit::hidden(format!("{path}.jwks_ca"), fix));
        }
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
                let keys = if is_secure { Jwks::url(url, &self.tls(folder)) } else { Jwks::local_url(url) };
                keys.map_err(|error| match error {
                    JwtError::Tls { .. } => Unfit::hidden(format!("{path}.jwks_ca"), error),
                    _ => Unfit::hidden(format!("{path}.jwks"), error),
                })
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

    /// The server of keys is verified by these roots, or by the system's.
    fn tls(&self, folder: &Path) -> ClientTls {
        self.jwks_ca.iter().fold(ClientTls::new(), |tls, file| tls.with_roots(folder.join(file)))
    }
}

fn tenant() -> String {
    "tenant".to_owned()
}

fn scopes() -> String {
    "scope".to_owned()
}

const fn leeway() -> Span {
    Span(Duration::from_secs(60))
}

const fn max_age() -> Span {
    Span(Duration::from_secs(600))
}

const fn cooldown() -> Span {
    Span(Duration::from_secs(30))
}

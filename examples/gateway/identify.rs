//! `identify`: how the gateway knows whose a request is.

use std::{fmt, path::Path, sync::Arc};

use http::{HeaderName, header::AUTHORIZATION, request::Parts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenantry_tower::identity::{
    Authenticate, Decision, IdentityLayer, Networks, TrustedHeader,
    certificate::{CertificateName, ClientCertificate, NameKind},
};

use crate::{
    keys::{self, KeyFile},
    tls::TlsTable,
    token::{Fetched, TokenTable},
    unfit::Unfit,
    values::{Name, networks},
};

/// One of `{ header = … }`, `{ api_key = … }`, `{ jwt = … }`, `{ client_certificate = … }`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Identify {
    header: Option<Name>,
    trusted: Option<Vec<String>>,
    api_key: Option<Value>,
    jwt: Option<TokenTable>,
    client_certificate: Option<CertificateTable>,
    tell: Option<Name>,
}

/// `{ name = "uri", prefix = "spiffe://example.org/tenant/" }`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
struct CertificateTable {
    name: Kind,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    suffix: String,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Dns,
    Uri,
    CommonName,
}

impl CertificateTable {
    fn name(&self) -> CertificateName {
        let kind = match self.name {
            Kind::Dns => NameKind::Dns,
            Kind::Uri => NameKind::Uri,
            Kind::CommonName => NameKind::CommonName,
        };
        CertificateName::new(kind).with_prefix(self.prefix.as_str()).with_suffix(self.suffix.as_str())
    }
}

/// Checks who it is, as the table says.
#[derive(Clone)]
pub(crate) struct Gate {
    authenticate: Arc<dyn Authenticate>,
    tell: Option<HeaderName>,
    header: Option<HeaderName>,
    key_file: Option<KeyFile>,
    fetched: Option<Fetched>,
    /// Whose word it takes.
    hops: Networks,
    /// Where the credential is, or the tenant's id.
    credential: HeaderName,
}

impl Identify {
    /// `folder` is where files are that are named without one.
    pub(crate) fn gate(&self, folder: &Path, tls: Option<&TlsTable>) -> Result<Gate, Unfit> {
        const PATH: &str = "gateway.identify";
        if self.client_certificate.is_some() && !tls.is_some_and(TlsTable::verifies_clients) {
            let fix =
                "let clients show certificates: gateway.tls = { certificates = […], client_ca = \"ca.pem\" }";
            return Err(Unfit::hidden(format!("{PATH}.client_certificate"), fix));
        }
        if self.header.is_none() && self.trusted.is_some() {
            let fix = "leave it out: it says who may set the header that names the tenant, and there is none";
            return Err(Unfit::hidden(format!("{PATH}.trusted"), fix));
        }
        let (mut key_file, mut fetched, mut header) = (None, None, None);
        let (mut hops, mut credential) = (Networks::default(), AUTHORIZATION);
        let authenticate: Arc<dyn Authenticate> = match (
            &self.header,
            &self.api_key,
            &self.jwt,
            &self.client_certificate,
        ) {
            (Some(Name(name)), None, None, None) => {
                header = Some(name.clone());
                (hops, credential) = (self.trusted()?, name.clone());
                Arc::new(TrustedHeader::new(name.clone(), hops.clone()))
            }
            (None, Some(table), None, None) => {
                let (keys, file) = keys::read(&format!("{PATH}.api_key"), table, folder)?;
                key_file = file;
                credential = keys.credential().header_name().clone();
                Arc::new(keys)
            }
            (None, None, Some(table), None) => {
                let (jwt, keys) = table.checker(&format!("{PATH}.jwt"), folder)?;
                fetched = keys;
                Arc::new(jwt)
            }
            (None, None, None, Some(table)) => Arc::new(ClientCertificate::new(table.name())),
            _ => {
                let fix =
                    "write one of { header = … }, { api_key = … }, { jwt = … }, { client_certificate = … }";
                return Err(Unfit::hidden(PATH, fix));
            }
        };
        let tell = self.tell.as_ref().map(|Name(name)| name.clone());
        Ok(Gate { authenticate, tell, header, key_file, fetched, hops, credential })
    }

    /// What goes without saying: the header that names the tenant and who may set it where nothing else is said, and where keys are.
    pub(crate) fn with_defaults(mut self) -> Self {
        self.api_key = self.api_key.as_ref().map(keys::with_defaults);
        if self.api_key.is_none() && self.jwt.is_none() && self.client_certificate.is_none() {
            self.header.get_or_insert_with(|| Name(HeaderName::from_static(DEFAULT_HEADER)));
            self.trusted.get_or_insert_with(|| LOOPBACK.map(str::to_owned).to_vec());
        }
        self
    }

    /// Whose word is taken, as it is written.
    pub(crate) fn hops(&self) -> &[String] {
        self.trusted.as_deref().unwrap_or_default()
    }

    fn trusted(&self) -> Result<Networks, Unfit> {
        let trusted = self.trusted.as_ref();
        trusted.map_or_else(|| Ok(loopback()), |list| networks("gateway.identify.trusted", list))
    }
}

impl Gate {
    pub(crate) fn layer(&self) -> IdentityLayer<Self> {
        let layer = IdentityLayer::new(self.clone());
        self.tell.iter().cloned().fold(layer, IdentityLayer::telling)
    }

    /// The keys that an earlier one has fetched from the same issuer go on.
    pub(crate) fn go_on_with(&self, before: &Self) {
        if let (Some(fetched), Some(before)) = (&self.fetched, &before.fetched) {
            fetched.go_on_with(before);
        }
    }

    pub(crate) const fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }

    pub(crate) const fn hops(&self) -> &Networks {
        &self.hops
    }

    pub(crate) const fn credential_header(&self) -> &HeaderName {
        &self.credential
    }

    pub(crate) const fn key_file(&self) -> Option<&KeyFile> {
        self.key_file.as_ref()
    }
}

impl Default for Gate {
    /// `x-tenant`, from this machine.
    fn default() -> Self {
        let name = HeaderName::from_static(DEFAULT_HEADER);
        let authenticate = Arc::new(TrustedHeader::new(name.clone(), loopback()));
        let header = Some(name.clone());
        let hops = loopback();
        Self { authenticate, tell: None, header, key_file: None, fetched: None, hops, credential: name }
    }
}

impl Authenticate for Gate {
    fn authenticate(&self, request: &mut Parts) -> Decision {
        self.authenticate.authenticate(request)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("header", &self.header).field("tell", &self.tell).finish_non_exhaustive()
    }
}

fn loopback() -> Networks {
    Networks::parse(LOOPBACK).expect("both are networks")
}

const DEFAULT_HEADER: &str = "x-tenant";
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

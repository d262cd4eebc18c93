use super::peer_certificate::Names;

/// Which name in a certificate names the tenant, and what stands around the tenant's id in it.
///
/// ```
/// use tenantry_tower::identity::certificate::{CertificateName, NameKind};
///
/// // spiffe://example.org/tenant/acme
/// let name = CertificateName::new(NameKind::Uri).with_prefix("spiffe://example.org/tenant/");
/// // acme.tenants.example.org
/// let name = CertificateName::new(NameKind::Dns).with_suffix(".tenants.example.org");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName {
    kind: NameKind,
    prefix: Box<str>,
    suffix: Box<str>,
}

/// The kind of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameKind {
    /// A DNS name among the subject's alternative names, in lower case.
    Dns,
    /// A URI there: SPIFFE's, for one.
    Uri,
    /// The subject's common name.
    CommonName,
}

impl CertificateName {
    /// The whole name is the tenant's id.
    #[must_use]
    pub fn new(kind: NameKind) -> Self {
        Self { kind, prefix: "".into(), suffix: "".into() }
    }

    /// Takes this off the front; names without it name nobody.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<Box<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Takes this off the end; names without it name nobody.
    #[must_use]
    pub fn with_suffix(mut self, suffix: impl Into<Box<str>>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// The only tenant that the names name. A wildcard names nobody, and where something was taken off, neither does what has more parts than one.
    pub(super) fn tenant<'a>(&self, names: &'a Names) -> Named<'a> {
        let names = match self.kind {
            NameKind::Dns => &names.dns,
            NameKind::Uri => &names.uris,
            NameKind::CommonName => &names.common,
        };
        let mut found = names.iter().filter_map(|name| self.id(name));
        match (found.next(), found.next()) {
            (None, _) => Named::Nobody,
            (Some(id), None) => Named::Tenant(id),
            (Some(_), Some(_)) => Named::Several,
        }
    }

    fn id<'a>(&self, name: &'a str) -> Option<&'a str> {
        let id = name.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
        let is_whole = self.prefix.is_empty() && self.suffix.is_empty();
        let separator = if self.kind == NameKind::Dns { '.' } else { '/' };
        let is_one = is_whole || !id.contains(separator);
        let is_plain = !id.trim().is_empty() && !id.contains('*') && !id.contains(char::is_control);
        (is_one && is_plain).then_some(id)
    }
}

pub(super) enum Named<'a> {
    Nobody,
    Tenant(&'a str),
    Several,
}

//! Certificates for the upstreams: what they should show, and what they should not.

use std::{fs, io, path::Path};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};

/// What an upstream shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A certificate that the authority in [`ROOTS`] has issued.
    Own,
    /// One for the same name that another authority has.
    Stranger,
}

impl Identity {
    /// Its files' names are this, with `.pem` and `.key`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Stranger => "stranger",
        }
    }
}

/// Two authorities: writes the roots of the first, and what each of them has issued.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    let (trusted, stranger) = (issuer()?, issuer()?);
    fs::write(folder.join(ROOTS), trusted.pem())?;
    for (identity, issuer) in [(Identity::Own, trusted), (Identity::Stranger, stranger)] {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).map_err(io::Error::other)?;
        // One that has its issuer's name would pass for its own issuer.
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, NAME);
        let certificate = params.signed_by(&key, &issuer).map_err(io::Error::other)?;
        fs::write(folder.join(format!("{}.pem", identity.name())), certificate.pem())?;
        fs::write(folder.join(format!("{}.key", identity.name())), key.serialize_pem())?;
    }
    Ok(())
}

fn issuer() -> io::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().map_err(io::Error::other)?;
    CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)
}

/// The file with the roots to trust.
pub(crate) const ROOTS: &str = "roots.pem";

/// Whom the upstreams' certificates name.
pub(crate) const NAME: &str = "upstream.test";

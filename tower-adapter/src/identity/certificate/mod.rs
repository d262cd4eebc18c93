//! Tenants by the certificate that the client showed on its TLS connection.
//!
//! Whoever ends TLS verifies the chain and the key, and puts a [`PeerCertificate`] into the extensions of each request that comes over the connection;
//! [`ClientCertificate`] reads whose it is. It verifies no chain itself: a certificate in the extensions is a verified one.

mod client_certificate;
mod name;
mod peer_certificate;

pub use client_certificate::ClientCertificate;
pub use name::{CertificateName, NameKind};
pub use peer_certificate::{CertificateError, PeerCertificate};

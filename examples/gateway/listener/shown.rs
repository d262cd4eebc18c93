//! What the client of a connection has shown of itself, and whether that still counts.

use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use tenantry_tower::{identity::certificate::PeerCertificate, rejection::Problem, tls::ClientVerifier};
use tokio::net::TcpStream;
use tokio_rustls::{rustls::pki_types::CertificateDer, server::TlsStream};

use super::live::InForce;
use crate::tls::Secure;

/// A client's certificate, with what leads from it to a root; or none.
pub(super) struct Shown {
    certificate: Option<PeerCertificate>,
    chain: Vec<CertificateDer<'static>>,
    /// Who has let it in.
    verified_by: Mutex<Option<ClientVerifier>>,
}

impl Shown {
    /// As rustls has it, by whom it was verified.
    pub(super) fn of(stream: &TlsStream<TcpStream>, verifier: Option<ClientVerifier>) -> Self {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain: Vec<_> = chain.iter().map(|shown| shown.clone().into_owned()).collect();
        // One that rustls can read and we cannot names nobody.
        let certificate = chain.first().and_then(|own| PeerCertificate::from_der(own).ok());
        Self { certificate, chain, verified_by: Mutex::new(verifier) }
    }

    pub(super) const fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.as_ref()
    }

    /// Why its requests are refused, if they are. A connection may last for long, and the roots by which its client was let in may be gone since: who was known by them would stay that for ever.
    pub(super) fn refusal(&self, now: &InForce) -> Option<Problem> {
        let clients = now.secure.as_ref().and_then(Secure::clients)?;
        let mut verified_by = self.verified_by.lock().unwrap_or_else(PoisonError::into_inner);
        if verified_by.as_ref().is_some_and(|before| before.is_same_as(&clients)) {
            return None;
        }
        if !clients.takes(&self.chain) {
            let title = "This connection's client would not get in any more: open another one";
            return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, CLIENT_OUTDATED, title));
        }
        *verified_by = Some(clients);
        None
    }
}

/// Other roots are in force than those by which the client got in, and they do not lead to it.
const CLIENT_OUTDATED: &str = "CLIENT_OUTDATED";

//! What stands for TLS where the feature is off.

use tokio::net::TcpStream;

use super::{CheckFailed, connection::Connection, question::Peer};

/// Nothing that could shake hands.
#[derive(Clone)]
pub(super) struct Tls;

impl Tls {
    pub(super) const fn system() -> Self {
        Self
    }

    #[expect(clippy::unused_async, reason = "the same as with the feature")]
    pub(super) async fn handshake(
        &self,
        _: TcpStream,
        Peer { pool, name, host }: Peer<'_>,
        _: Option<&[u8]>,
    ) -> Result<Box<dyn Connection>, CheckFailed> {
        let name = name.unwrap_or(host);
        Err(CheckFailed::other(format!(
            "this build has no TLS to ask {name} of the pool {pool:?} with: enable the feature health-tls"
        )))
    }
}

//! What stands for TLS where the feature is off.

use tokio::net::TcpStream;

use super::{CheckFailed, connection::Connection, question::Peer};

/// Nothing that could shake hands.
#[derive(Clone, Default)]
pub(super) struct Tls;

impl Tls {
    #[expect(clippy::unused_async, reason = "the same as with the feature")]
    pub(super) async fn handshake(
        &self,
        _: TcpStream,
        _: Peer<'_>,
        _: Option<&[u8]>,
    ) -> Result<Box<dyn Connection>, CheckFailed> {
        Err(CheckFailed::other("this build has no TLS: enable the feature health-tls"))
    }
}

//! A connection of a check's own.

use std::io;

use tenantry::CheckFailure;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{CheckFailed, target::Target};

/// What bytes go over.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Connects by TCP.
pub(super) async fn connect(target: &Target) -> Result<TcpStream, CheckFailed> {
    let failed = |error: io::Error| CheckFailed::by(CheckFailure::Connect, &error);
    let stream = TcpStream::connect((&*target.host, target.port)).await.map_err(failed)?;
    // An optimisation: a check works without.
    drop(stream.set_nodelay(true));
    Ok(stream)
}

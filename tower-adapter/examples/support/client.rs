//! The least client that there is.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A whole answer, as it comes over the wire.
pub(crate) async fn get(address: SocketAddr, tenant: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\nx-tenant: {tenant}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

//! The PROXY protocol (HAProxy's specification, versions 1 and 2): a proxy's word on who its client is, before the client's first byte.
//!
//! Whoever is trusted to say so must; nobody guesses whether there is a header. It is read to its last byte and not beyond, since what follows may be TLS.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use ppp::{HeaderResult, v1, v2};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// The client's address; `None` where the connection is the proxy's own (a health check, `LOCAL`). A client without an address of IP (`UNKNOWN`, a Unix socket) has [`NOWHERE`]: the
/// specification leaves it the proxy's, but so it would be trusted as the proxy is.
///
/// # Errors
/// When what comes is no such header, or a longer one than there needs to be.
pub(super) async fn client(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; SHORTEST];
    stream.read_exact(&mut header).await?;
    if header.starts_with(v2::PROTOCOL_PREFIX) {
        read_binary(stream, &mut header).await?;
    } else if header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
        read_text(stream, &mut header).await?;
    }
    address(&header).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

async fn read_binary(stream: &mut TcpStream, header: &mut Vec<u8>) -> io::Result<()> {
    header.push(stream.read_u8().await?);
    let more = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if more > LONGEST_BINARY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let head = header.len();
    header.resize(head + more, 0);
    stream.read_exact(&mut header[head..]).await.map(drop)
}

/// To the end of the line.
async fn read_text(stream: &mut TcpStream, header: &mut Vec<u8>) -> io::Result<()> {
    let mut seen = [0; LONGEST_TEXT];
    while !header.ends_with(b"\n") && header.len() < LONGEST_TEXT {
        let room = LONGEST_TEXT - header.len();
        let come = stream.peek(&mut seen[..room]).await?;
        if come == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = seen[..come].iter().position(|byte| *byte == b'\n').map_or(come, |end| end + 1);
        stream.read_exact(&mut seen[..line]).await?;
        header.extend_from_slice(&seen[..line]);
    }
    Ok(())
}

/// What a whole header says; outer `None` where it is none.
fn address(header: &[u8]) -> Option<Option<SocketAddr>> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(parsed)) if parsed.header.len() == header.len() => {
            Some(Some(match parsed.addresses {
                v1::Addresses::Tcp4(ip) => (ip.source_address, ip.source_port).into(),
                v1::Addresses::Tcp6(ip) => (ip.source_address, ip.source_port).into(),
                v1::Addresses::Unknown => NOWHERE,
            }))
        }
        HeaderResult::V2(Ok(parsed)) if parsed.command == v2::Command::Local => Some(None),
        HeaderResult::V2(Ok(parsed)) => Some(Some(match parsed.addresses {
            v2::Addresses::IPv4(ip) => (ip.source_address, ip.source_port).into(),
            v2::Addresses::IPv6(ip) => (ip.source_address, ip.source_port).into(),
            v2::Addresses::Unix(_) | v2::Addresses::Unspecified => NOWHERE,
        })),
        HeaderResult::V1(_) | HeaderResult::V2(_) => None,
    }
}

/// The address of whoever has none: no network of trust has it.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// `PROXY UNKNOWN` and the end of its line: no header is shorter.
const SHORTEST: usize = 15;

/// The specification's.
const LONGEST_TEXT: usize = 107;

/// Of addresses and what else a proxy cares to tell, in bytes: HAProxy's own with certificates' names and ciphers have a few hundred.
const LONGEST_BINARY: usize = 4_096;

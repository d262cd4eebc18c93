//! A name server of our own: one name, over UDP on the loopback address.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{RData, Record, RecordType, rdata::A},
};
use tokio::{net::UdpSocket, task::JoinHandle};

/// Answers until it is dropped.
#[derive(Debug)]
pub(crate) struct NameServer {
    address: SocketAddr,
    named: Arc<Mutex<Vec<Ipv4Addr>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    pub(crate) async fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let (address, named) = (socket.local_addr()?, Arc::default());
        let task = tokio::spawn(serve(socket, Arc::clone(&named)));
        Ok(Self { address, named, task })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the name has these addresses.
    pub(crate) fn set(&self, addresses: Vec<Ipv4Addr>) {
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, named: Arc<Mutex<Vec<Ipv4Addr>>>) {
    let mut buffer = [0; 4_096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let addresses = named.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(answer) = answer(&buffer[..length], &addresses) {
            // Whoever has not heard it asks again.
            socket.send_to(&answer, peer).await.ok();
        }
    }
}

/// What cannot be read has none.
fn answer(question: &[u8], addresses: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?.clone();
    let mut message = Message::new(question.metadata.id, MessageType::Response, question.metadata.op_code);
    message.metadata.authoritative = true;
    message.metadata.recursion_desired = question.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    if query.name().to_utf8().trim_end_matches('.').eq_ignore_ascii_case(NAME) {
        let addresses = addresses.iter().filter(|_| query.query_type() == RecordType::A);
        for address in addresses {
            message.add_answer(Record::from_rdata(query.name().clone(), TTL, RData::A(A(*address))));
        }
    } else {
        message.metadata.response_code = ResponseCode::NXDomain;
    }
    message.add_query(query);
    message.to_vec().ok()
}

/// What the upstreams are called.
pub(crate) const NAME: &str = "api.internal";

/// For how many seconds an answer holds.
const TTL: u32 = 1;

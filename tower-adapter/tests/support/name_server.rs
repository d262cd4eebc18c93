//! A name server that answers what its test says, over UDP and TCP on one port of the loopback address.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, SRV},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

/// What a question is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Records(Vec<(RData, u32)>),
    Code(ResponseCode),
    /// Over UDP nothing but that it did not fit; over TCP these.
    Truncated(Vec<(RData, u32)>),
    /// Not at all.
    Silence,
}

/// It ends with its last handle.
#[derive(Clone, Debug)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    zone: Arc<Zone>,
    _tasks: Arc<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Zone {
    answers: Mutex<HashMap<(String, RecordType), Answer>>,
    asked: AtomicUsize,
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        let (udp, tcp) = bind().await;
        let (address, zone) = (udp.local_addr().unwrap(), Arc::new(Zone::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&zone)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&zone)));
        Self { address, zone, _tasks: Arc::new(tasks) }
    }

    /// From now on this question has this answer. Others have `NXDOMAIN`.
    pub(crate) fn answer(&self, name: &str, record_type: RecordType, answer: Answer) {
        self.zone.lock().insert((name.to_owned(), record_type), answer);
    }

    /// These IPv4 addresses, for so many seconds.
    pub(crate) fn a(&self, name: &str, ttl: u32, addresses: &[&str]) {
        let record = |address: &&str| (RData::A(A(address.parse().unwrap())), ttl);
        self.answer(name, RecordType::A, Answer::Records(addresses.iter().map(record).collect()));
    }

    pub(crate) fn aaaa(&self, name: &str, ttl: u32, addresses: &[&str]) {
        let record = |address: &&str| (RData::AAAA(AAAA(address.parse().unwrap())), ttl);
        self.answer(name, RecordType::AAAA, Answer::Records(addresses.iter().map(record).collect()));
    }

    /// How many questions have come.
    pub(crate) fn asked(&self) -> usize {
        self.zone.asked.load(Ordering::SeqCst)
    }
}

pub(crate) fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, target.parse().unwrap()))
}

pub(crate) fn alias(of: &str) -> RData {
    RData::CNAME(CNAME(of.parse().unwrap()))
}

/// One port for both.
async fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: UdpSocket, zone: Arc<Zone>) {
    let mut buffer = [0; 4_096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        if let Some(answer) = zone.answer(&buffer[..length], Transport::Udp) {
            socket.send_to(&answer, peer).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Zone>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve_connection(stream, Arc::clone(&zone)));
    }
}

async fn serve_connection(mut stream: TcpStream, zone: Arc<Zone>) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await.unwrap();
        if let Some(answer) = zone.answer(&question, Transport::Tcp) {
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

impl Zone {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, RecordType), Answer>> {
        self.answers.lock().unwrap()
    }

    fn answer(&self, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let question = Message::from_vec(question).unwrap();
        let query = question.queries[0].clone();
        let key = (query.name().to_string().trim_end_matches('.').to_lowercase(), query.query_type());
        let answer = self.lock().get(&key).cloned().unwrap_or(Answer::Code(ResponseCode::NXDomain));
        let mut message =
            Message::new(question.metadata.id, MessageType::Response, question.metadata.op_code);
        message.metadata.recursion_desired = true;
        message.metadata.recursion_available = true;
        message.add_query(query.clone());
        let mut add = |records: Vec<(RData, u32)>| {
            // What comes behind an alias belongs to that.
            let mut owner: Name = query.name().clone();
            for (data, ttl) in records {
                let next = if let RData::CNAME(alias) = &data { alias.0.clone() } else { owner.clone() };
                message.add_answer(Record::from_rdata(std::mem::replace(&mut owner, next), ttl, data));
            }
        };
        match answer {
            Answer::Silence => return None,
            Answer::Code(code) => message.metadata.response_code = code,
            Answer::Truncated(_) if transport == Transport::Udp => message.metadata.truncation = true,
            Answer::Records(records) | Answer::Truncated(records) => add(records),
        }
        Some(message.to_vec().unwrap())
    }
}

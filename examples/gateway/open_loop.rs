//! Tenants that do not wait: requests leave at the moments of a Poisson process, however long answers take.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use rustix::net::sockopt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
    sync::Semaphore,
    time::timeout,
};

use crate::meter::{latencies, micros};

/// What is sent, for how long.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Where to.
    pub target: SocketAddr,
    /// What is sent in this time from the beginning is not counted.
    pub warm: Duration,
    /// What is sent in this time afterwards is.
    pub measured: Duration,
    /// How long a client waits for an answer; then it closes its connection.
    pub patience: Duration,
    /// The most requests outstanding at once, and so the most connections; past it they are [`Tally::unsent`].
    pub outstanding: u32,
}

/// One tenant's share of a load.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stream {
    /// The value of `x-tenant`.
    pub tenant: &'static str,
    /// Requests per second on average.
    pub rate: f64,
    /// Decides the moments.
    pub seed: u64,
}

/// How one tenant's requests went that were due in the measured time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tally {
    /// From the moment they were due to the last byte of a 200, in microseconds.
    pub served: Histogram<u64>,
    /// Answered with another status.
    pub refused: u64,
    /// Not answered within the client's patience.
    pub timed_out: u64,
    /// Their connections broke, or none was to be had.
    pub broken: u64,
    /// Not sent, because [`Plan::outstanding`] others were.
    pub unsent: u64,
    /// By how much the generator itself was late, in microseconds.
    pub late: Histogram<u64>,
}

impl Plan {
    /// To `target`, two seconds of warm-up and six measured, patience of one second, at most 7000 outstanding.
    #[must_use]
    pub const fn new(target: SocketAddr) -> Self {
        Self {
            target,
            warm: Duration::from_secs(2),
            measured: Duration::from_secs(6),
            patience: Duration::from_secs(1),
            outstanding: 7000,
        }
    }

    /// Sends all streams side by side; returns their tallies in the same order once everything is answered or given up.
    ///
    /// # Panics
    /// When the operating system has no thread left.
    pub async fn run(&self, streams: &[Stream]) -> Vec<Tally> {
        let client = Arc::new(Client {
            target: self.target,
            patience: self.patience,
            idle: Mutex::default(),
            outstanding: Arc::new(Semaphore::new(self.outstanding as usize)),
        });
        let begin = Instant::now() + Duration::from_millis(20);
        let (from, until) = (begin + self.warm, begin + self.warm + self.measured);
        let tallies: Vec<_> = streams.iter().map(|_| Arc::new(Mutex::new(Tally::default()))).collect();
        let threads = streams.iter().zip(&tallies).map(|(&stream, tally)| {
            let sender = Sender { client: Arc::clone(&client), tally: Arc::clone(tally), stream };
            let runtime = Handle::current();
            tokio::task::spawn_blocking(move || sender.send_all(&runtime, begin, from..until))
        });
        for thread in threads.collect::<Vec<_>>() {
            thread.await.expect("a generator does not panic");
        }
        // Whoever holds all permits has waited for every request.
        drop(client.outstanding.acquire_many(self.outstanding).await.expect("nobody closes it"));
        tallies.iter().map(|tally| lock(tally).clone()).collect()
    }
}

impl Stream {
    /// `rate` requests per second of `tenant`.
    #[must_use]
    pub const fn new(tenant: &'static str, rate: f64, seed: u64) -> Self {
        Self { tenant, rate, seed }
    }
}

impl Tally {
    /// All that were due.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.served.len() + self.refused + self.timed_out + self.broken + self.unsent
    }
}

impl Default for Tally {
    fn default() -> Self {
        let (served, late) = (latencies(), latencies());
        Self { served, refused: 0, timed_out: 0, broken: 0, unsent: 0, late }
    }
}

/// Sends one stream from a thread of its own, whose sleep is more exact than an async timer's milliseconds.
struct Sender {
    client: Arc<Client>,
    tally: Arc<Mutex<Tally>>,
    stream: Stream,
}

impl Sender {
    fn send_all(&self, runtime: &Handle, begin: Instant, measured: std::ops::Range<Instant>) {
        let head =
            format!("GET / HTTP/1.1\r\nhost: upstream.test\r\nx-tenant: {}\r\n\r\n", self.stream.tenant);
        let head: Arc<[u8]> = head.into_bytes().into();
        let mut seed = self.stream.seed;
        let mut due = begin;
        loop {
            due += Duration::from_secs_f64(-uniform(&mut seed).ln() / self.stream.rate);
            if due >= measured.end {
                return;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let counts = due >= measured.start;
            if counts {
                lock(&self.tally).late.saturating_record(micros(due.elapsed()));
            }
            let Ok(permit) = Arc::clone(&self.client.outstanding).try_acquire_owned() else {
                lock(&self.tally).unsent += u64::from(counts);
                continue;
            };
            let (client, tally, head) =
                (Arc::clone(&self.client), Arc::clone(&self.tally), Arc::clone(&head));
            runtime.spawn(async move {
                let answer = timeout(client.patience, client.ask(&head)).await;
                if counts {
                    let mut tally = lock(&tally);
                    match answer {
                        Ok(Ok(200)) => tally.served.saturating_record(micros(due.elapsed())),
                        Ok(Ok(_)) => tally.refused += 1,
                        Ok(Err(_)) => tally.broken += 1,
                        Err(_) => tally.timed_out += 1,
                    }
                }
                drop(permit);
            });
        }
    }
}

/// Kept connections; the one used last is used next.
struct Client {
    target: SocketAddr,
    patience: Duration,
    idle: Mutex<Vec<TcpStream>>,
    outstanding: Arc<Semaphore>,
}

impl Client {
    /// The status of the answer, once its last byte is there.
    async fn ask(&self, head: &[u8]) -> io::Result<u16> {
        let kept = lock(&self.idle).pop();
        if let Some(stream) = kept
            && let Ok(status) = self.exchange(stream, head).await
        {
            return Ok(status);
        }
        // None was kept, or the server had closed it.
        let stream = TcpStream::connect(self.target).await?;
        stream.set_nodelay(true)?;
        // Closing resets: nothing lingers of the thousands that a collapse leaves behind.
        sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
        self.exchange(stream, head).await
    }

    async fn exchange(&self, mut stream: TcpStream, head: &[u8]) -> io::Result<u16> {
        stream.write_all(head).await?;
        let mut received = Vec::with_capacity(512);
        loop {
            if stream.read_buf(&mut received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = Answer::parse(&received)? {
                if answer.keeps {
                    lock(&self.idle).push(stream);
                }
                return Ok(answer.status);
            }
        }
    }
}

struct Answer {
    status: u16,
    keeps: bool,
}

impl Answer {
    /// The whole answer, if it is there. Answers without a `content-length` have no body here.
    fn parse(received: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(received).map_err(io::Error::other)?;
        let httparse::Status::Complete(head) = parsed else { return Ok(None) };
        let header = |name: &str| {
            let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| str::from_utf8(header.value).ok())
        };
        let body = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let keeps = !header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let status = response.code.unwrap_or_default();
        Ok((received.len() >= head + body).then_some(Self { status, keeps }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Above 0, up to 1: Steele, Lea and Flood's SplitMix64, of which the upper 53 bits are taken.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn uniform(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (((mixed ^ (mixed >> 31)) >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_the_last_byte_of_its_body() {
        let text = b"HTTP/1.1 429 No\r\ncontent-length: 3\r\nConnection: Close\r\n\r\nabc";
        assert!((0..text.len()).all(|end| Answer::parse(&text[..end]).unwrap().is_none()));
        let answer = Answer::parse(text).unwrap().unwrap();
        assert_eq!((answer.status, answer.keeps), (429, false));
        assert!(Answer::parse(b"SSH-2.0-x\r\n").is_err());
    }

    #[test]
    fn moments_are_a_poisson_process() {
        let mut seed = 1;
        let gaps: Vec<f64> = (0..100_000).map(|_| -uniform(&mut seed).ln()).collect();
        let mean = gaps.iter().sum::<f64>() / 100_000.0;
        let above = gaps.iter().filter(|gap| **gap > 1.0).count();
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        assert!((36_000..37_600).contains(&above), "e⁻¹ of the gaps are above the mean, not {above}");
    }
}

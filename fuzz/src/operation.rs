//! What can be done to a balancer.

use std::time::Duration;

/// One step. Indices are taken modulo what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Time passes.
    Advance(Duration),
    /// A request that does not wait.
    TryAcquire { tenant: u8, pool: u8, cost: u64 },
    /// A request that may wait; `timeout: None` is the pool's own. It is polled at once, or not.
    Acquire { tenant: u8, pool: u8, cost: u64, timeout: Option<Duration>, polled: bool },
    /// One waiting request is polled.
    Poll(u8),
    /// All waiting requests are polled, in the order in which they came.
    PollAll,
    /// A request ends with an outcome.
    Finish { lease: u8, outcome: u8, cost: Option<u64> },
    /// A lease is dropped without an outcome.
    Drop(u8),
    /// A waiting request goes away.
    Cancel(u8),
    /// Another config.
    Reconfigure(u8),
}

/// Every four bytes mean something.
impl From<[u8; 4]> for Operation {
    fn from([kind, a, b, c]: [u8; 4]) -> Self {
        let (cost, timeout) = (u64::from(c & 7), TIMEOUTS[usize::from(c >> 4 & 7)]);
        match kind % 16 {
            0 => Self::Advance(STEPS[usize::from(a) % STEPS.len()]),
            1 => Self::Advance(Duration::from_micros(u64::from(u16::from_le_bytes([a, b])))),
            2..=4 => Self::TryAcquire { tenant: a, pool: b, cost },
            5..=8 => Self::Acquire { tenant: a, pool: b, cost, timeout, polled: c & 8 != 0 },
            9 => Self::Poll(a),
            10 => Self::PollAll,
            11 | 12 => Self::Finish { lease: a, outcome: b, cost: (c < 128).then_some(u64::from(c & 31)) },
            13 => Self::Drop(a),
            14 => Self::Cancel(a),
            _ => Self::Reconfigure(a),
        }
    }
}

const STEPS: [Duration; 8] = [
    Duration::from_nanos(1),
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(11),
    Duration::from_secs(400),
];

const TIMEOUTS: [Option<Duration>; 8] = [
    None,
    None,
    None,
    None,
    Some(Duration::ZERO),
    Some(Duration::from_millis(1)),
    Some(Duration::from_millis(200)),
    Some(Duration::from_secs(3)),
];

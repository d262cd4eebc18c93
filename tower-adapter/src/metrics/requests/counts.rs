//! Counters of requests of one kind.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::{Extensions, Response, StatusCode};
use tenantry::{Outcome, Rejection};

use crate::{
    balance::LateVerdict,
    rejection::ProblemCode,
    told::{Told, is_failure},
};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// An answer that is no server's error. A 501 of this gateway's own is none: the client has asked for what it never does, as a tunnel.
    Success,
    /// A server's error, from the endpoint or for want of its answer.
    Failure,
    /// Refused, for this reason.
    Rejection(Rejection),
}

impl End {
    /// What an answer tells by its head.
    ///
    /// # Errors
    /// Who tells it later, where the head does not.
    pub(super) fn of<B>(answer: &Response<B>) -> Result<Self, LateVerdict> {
        if let Some(rejection) = answer.extensions().get::<Rejection>() {
            return Ok(Self::Rejection(*rejection));
        }
        if is_clients_error(answer.extensions()) {
            return Ok(Self::Success);
        }
        match Told::by(answer) {
            Told::Good => Ok(Self::Success),
            Told::ServerError => Ok(Self::Failure),
            Told::Later(late) => Err(late),
        }
    }

    /// What an answer has come to. One that its client has given up is no server's error.
    pub(super) fn late(outcome: Outcome) -> Self {
        if is_failure(outcome) { Self::Failure } else { Self::Success }
    }
}

/// Counters, read one by one and for eyes only: nothing is decided by them, so `Relaxed` will do.
#[derive(Debug, Default)]
pub(super) struct Counts {
    failures: AtomicU64,
    /// In the order of [`Rejection::CODES`].
    rejections: [AtomicU64; CODES],
    /// Successes by how long they took: at most each of [`BOUNDS`], and longer.
    buckets: [AtomicU64; BUCKETS],
    micros: AtomicU64,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) failures: u64,
    pub(super) rejections: [u64; CODES],
    pub(super) buckets: [u64; BUCKETS],
    pub(super) micros: u64,
}

impl Counts {
    pub(super) fn add(&self, end: End, took: Duration) {
        match end {
            End::Success => {
                let bucket = BOUNDS.partition_point(|bound| *bound < took.as_secs_f64());
                increment(&self.buckets[bucket], 1);
                increment(&self.micros, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            }
            End::Failure => increment(&self.failures, 1),
            End::Rejection(rejection) => {
                let place = Rejection::CODES.iter().position(|code| *code == rejection.code());
                place.into_iter().for_each(|place| increment(&self.rejections[place], 1));
            }
        }
    }

    pub(super) fn read(&self) -> Reading {
        Reading {
            failures: read(&self.failures),
            rejections: self.rejections.each_ref().map(read),
            buckets: self.buckets.each_ref().map(read),
            micros: read(&self.micros),
        }
    }
}

/// Whether one of our own layers refuses to do what nobody here does: an endpoint's 501 has no [`ProblemCode`].
fn is_clients_error(extensions: &Extensions) -> bool {
    extensions.get::<ProblemCode>().is_some_and(|problem| problem.status() == StatusCode::NOT_IMPLEMENTED)
}

fn increment(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// The bounds of latency buckets, in seconds: Prometheus's defaults, and what is longer and shorter.
pub const BOUNDS: [f64; 15] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const BUCKETS: usize = BOUNDS.len() + 1;
const CODES: usize = Rejection::CODES.len();

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::rejection::Problem;

    #[test]
    fn a_tunnel_that_nobody_opens_is_the_clients_error_and_an_endpoints_501_is_a_failure() {
        let own = Problem::new(StatusCode::NOT_IMPLEMENTED, "NO_TUNNELS", "no tunnels");
        let own = own.into_response::<Bytes>();
        assert_eq!(End::of(&own).unwrap(), End::Success);
        let endpoints = Response::builder().status(501).body(()).unwrap();
        assert_eq!(End::of(&endpoints).unwrap(), End::Failure);
        let own = Problem::new(StatusCode::BAD_GATEWAY, "CONNECT_FAILED", "no connection");
        let own = own.into_response::<Bytes>();
        assert_eq!(End::of(&own).unwrap(), End::Failure);
    }

    #[test]
    fn a_success_counts_in_the_bucket_whose_bound_it_does_not_pass() {
        let counts = Counts::default();
        for millis in [1, 2, 500, 501, 61_000] {
            counts.add(End::Success, Duration::from_millis(millis));
        }
        let Reading { buckets, micros, failures, .. } = counts.read();
        assert_eq!((buckets[0], buckets[1], buckets[8], buckets[9], buckets[15]), (1, 1, 1, 1, 1));
        assert_eq!((buckets.iter().sum::<u64>(), micros, failures), (5, 62_004_000, 0));
    }
}

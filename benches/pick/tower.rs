//! tower's `Balance`, whose pick is power of two choices: ready, called, answered.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tenantry_benches::harness::Case;
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, Load, PeakEwma, PendingRequests};

use super::{PEAK, PENDING, socket, stays_up};

/// By both loads that it has.
pub(super) fn cases(endpoints: usize, down: bool) -> [Case<'static>; 2] {
    let services = || (0..endpoints).map(move |number| Endpoint { up: !down || stays_up(&socket(number)) });
    let peak = |endpoint| PeakEwma::new(endpoint, DEFAULT_RTT, DECAY_NS, CompleteOnResponse::default());
    let pending = |endpoint| PendingRequests::new(endpoint, CompleteOnResponse::default());
    [case(PENDING, services().map(pending)), case(PEAK, services().map(peak))]
}

fn case<S>(name: &str, services: impl Iterator<Item = S>) -> Case<'static>
where
    S: Service<(), Response = (), Error = Infallible> + Load<Metric: std::fmt::Debug> + Send + 'static,
    S::Future: Send,
{
    let mut balance = Balance::new(ServiceList::new::<()>(services.collect::<Vec<_>>()));
    Case::new(name, move |first, count| {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in first..first + count {
            let Poll::Ready(Ok(())) = balance.poll_ready(&mut cx) else { unreachable!("some are ready") };
            let answered = pin!(balance.call(())).poll(&mut cx);
            assert!(black_box(answered).is_ready());
        }
    })
}

/// Answers at once, or is never ready.
#[derive(Clone, Copy, Debug)]
struct Endpoint {
    up: bool,
}

impl Service<()> for Endpoint {
    type Response = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.up { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

const DEFAULT_RTT: Duration = Duration::from_millis(1);
const DECAY_NS: f64 = 10e9;

//! Pingora's load balancer: each of its selections.

use std::hint::black_box;

use pingora_load_balancing::LoadBalancer;
use pingora_load_balancing::selection::{
    BackendIter, BackendSelection, Consistent, FNVHash, Random, RoundRobin,
};
use tenantry_benches::harness::Case;

use super::{SELECTIONS, key, socket, stays_up};

pub(super) fn cases(endpoints: usize, down: bool) -> [Case<'static>; 4] {
    [
        case::<RoundRobin>(SELECTIONS[0], endpoints, down),
        case::<Random>(SELECTIONS[1], endpoints, down),
        case::<FNVHash>(SELECTIONS[2], endpoints, down),
        case::<Consistent>(SELECTIONS[3], endpoints, down),
    ]
}

fn case<S>(name: &str, endpoints: usize, down: bool) -> Case<'static>
where
    S: BackendSelection + Send + Sync + 'static,
    S::Iter: BackendIter,
{
    let balancer = build::<S>(endpoints);
    for backend in balancer.backends().get_backend().iter().filter(|_| down) {
        balancer.backends().set_enable(backend, stays_up(backend.addr.as_inet().expect("an address")));
    }
    Case::new(name, move |first, count| {
        for number in first..first + count {
            black_box(balancer.select(&key(number), 256));
        }
    })
}

pub(super) fn build<S>(endpoints: usize) -> LoadBalancer<S>
where
    S: BackendSelection + Send + Sync + 'static,
    S::Iter: BackendIter,
{
    LoadBalancer::try_from_iter((0..endpoints).map(socket)).expect("these are addresses")
}

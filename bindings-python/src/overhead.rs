//! What a decision costs without Python: the yardstick of `benches/overhead.py`, in the same process on the same balancer.

use std::hint::black_box;

use pyo3::prelude::*;
use tenantry::{Outcome, Request};

use crate::{balancer::Balancer, guard::guard, rejection::raised};

/// Acquires and finishes `rounds` times for `tenant`.
#[pyfunction]
pub(crate) fn _bench_rust(
    py: Python<'_>,
    balancer: &Bound<'_, Balancer>,
    tenant: &str,
    rounds: u64,
) -> PyResult<()> {
    let core = &balancer.get().core;
    let done = guard(|| {
        (0..rounds).try_for_each(|_| {
            let lease = core.try_acquire(&Request::new(black_box(tenant)))?;
            black_box(lease.endpoint().address());
            lease.finish(Outcome::success());
            Ok(())
        })
    })?;
    done.map_err(|rejection| raised(py, &rejection))
}

//! Random operations on a balancer, checked after each step against a slow and obvious model.
//!
//! Needs nothing but `tenantry` and `std` (and `arbitrary`, for one impl), so that a property test can run it too:
//! `run(&list.map(Operation::from))` with any list of four bytes each.

mod bucket;
mod ledger;
mod operation;
mod run;
mod setup;
mod verdict;

pub use operation::Operation;
pub use run::run;

impl<'a> arbitrary::Arbitrary<'a> for Operation {
    fn arbitrary(bytes: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        <[u8; 4]>::arbitrary(bytes).map(Self::from)
    }

    fn size_hint(_: usize) -> (usize, Option<usize>) {
        (4, Some(4))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Operation, run};

    /// A was taken back, the bucket has been full since, and taking back B must not give C's units again.
    #[test]
    fn what_has_come_back_by_itself_is_not_given_back() {
        let try_acquire = |tenant, pool| Operation::TryAcquire { tenant, pool, cost: 1 };
        let wait = Operation::Acquire { tenant: 1, pool: 0, cost: 1, timeout: None, polled: true };
        let advance = |millis| Operation::Advance(Duration::from_millis(millis));
        run(&[
            try_acquire(0, 0),
            try_acquire(0, 0),
            wait,
            wait,
            advance(250),
            Operation::Cancel(0),
            advance(550),
            try_acquire(1, 1),
            advance(100),
            Operation::Cancel(0),
            Operation::Drop(0),
            Operation::Drop(0),
            try_acquire(1, 0),
            try_acquire(1, 0),
        ]);
    }

    #[test]
    fn any_bytes_are_operations() {
        let bytes = |at: u32| at.wrapping_mul(2_654_435_761).rotate_left(at % 31).to_le_bytes();
        let operations: Vec<_> = (0..4_000).map(bytes).map(Operation::from).collect();
        operations.chunks(200).for_each(run);
    }
}

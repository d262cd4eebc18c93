//! The buckets of one holder of quotas.

use super::{MAX_QUOTAS, gcra::Bucket};

/// The state of somebody's quotas, in their order, of which nearly always the first is all that is in use.
pub(crate) trait Buckets {
    fn first(&self) -> &Bucket;

    /// Those behind the first.
    fn more(&self) -> &[Bucket];

    fn all(&self) -> impl Iterator<Item = &Bucket> {
        std::iter::once(self.first()).chain(std::iter::once_with(|| self.more()).flatten())
    }
}

/// Side by side.
pub(crate) type BucketArray = [Bucket; MAX_QUOTAS];

impl Buckets for BucketArray {
    fn first(&self) -> &Bucket {
        &self[0]
    }

    fn more(&self) -> &[Bucket] {
        &self[1..]
    }
}

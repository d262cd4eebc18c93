//! What a tenant's buckets hand to the ledger, and take back from it.

use std::time::Duration;

use super::{BucketArray, Buckets, Moment, Quota, carry_over, meter::lacking, quota::ticks_at};
use crate::time::nanos;

/// Quotas and the ticks that each bucket lacks; empty where all are full.
pub(crate) type QuotaRecords = Vec<(Quota, u64)>;

/// What the buckets of these quotas lack.
pub(crate) fn records(buckets: &impl Buckets, quotas: &[Quota], moment: &Moment) -> QuotaRecords {
    let lacks = buckets.all().map(|bucket| bucket.full_at().saturating_sub(ticks_at(moment.uptime)));
    let records: QuotaRecords = quotas.iter().copied().zip(lacks).collect();
    if records.iter().all(|&(_, lacks)| lacks == 0) { vec![] } else { records }
}

/// Puts back what was lacking `ago`, under whatever quotas are in force now. Where more is lacking already, that counts.
pub(crate) fn restore(
    buckets: &impl Buckets,
    records: &[(Quota, u64)],
    quotas: &[Quota],
    ago: Duration,
    moment: &Moment,
) {
    let (then, old) = (BucketArray::default(), records.iter().map(|&(quota, _)| quota).collect::<Vec<_>>());
    for (bucket, &(_, lacks)) in then.all().zip(records) {
        bucket.put_off(lacking(lacks, nanos(ago), moment));
    }
    carry_over(&then, &old, quotas, moment.uptime);
    for (bucket, then) in buckets.all().zip(&then) {
        bucket.put_off(then.full_at());
    }
}

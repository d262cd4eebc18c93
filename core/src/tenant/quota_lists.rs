//! The quotas of many tenants, each list once: so that equal ones are told by a number.

use std::{collections::HashMap, sync::Arc};

use crate::limit::Quota;

/// The lists of quotas that are in use, each once and with a number that is never given to another.
#[derive(Debug, Default)]
pub(crate) struct QuotaLists {
    numbers: HashMap<Arc<[Quota]>, u32>,
    next: u32,
    /// How many were in use when they were last counted.
    kept: usize,
}

impl QuotaLists {
    pub(super) fn intern(&mut self, quotas: Arc<[Quota]>) -> (Arc<[Quota]>, u32) {
        if let Some((known, &number)) = self.numbers.get_key_value(&quotas) {
            return (Arc::clone(known), number);
        }
        self.next = self.next.wrapping_add(1);
        self.numbers.insert(Arc::clone(&quotas), self.next);
        (quotas, self.next)
    }

    /// Whether many lists may have gone out of use since they were last counted.
    pub(crate) fn is_bloated(&self) -> bool {
        self.numbers.len() > 2 * self.kept + BLOATED
    }

    /// Forgets the lists that nobody has any more.
    pub(crate) fn forget_unused(&mut self) {
        self.numbers.retain(|quotas, _| Arc::strong_count(quotas) > 1);
        self.kept = self.numbers.len();
    }
}

/// So many lists more than there may be are not worth looking through.
const BLOATED: usize = 1_024;

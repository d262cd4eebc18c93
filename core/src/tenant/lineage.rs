//! Where tenants stand in the tree of shares.

use std::{collections::HashMap, sync::Arc};

use crate::{
    admission::Level,
    config::{Config, SeatsSpec, TenantSpec},
};

/// The parents of one configuration, each with a number that is never given to another.
#[derive(Debug, Default)]
pub(crate) struct Lineages {
    numbers: HashMap<String, u64>,
}

/// One tenant's place.
#[derive(Clone, Debug)]
pub(crate) struct Lineage {
    pub(super) above: Arc<[Level]>,
    pub(super) weight: u32,
    pub(super) seats: SeatsSpec,
}

impl Lineages {
    /// Numbers the parents of a configuration; those who were parents before keep theirs.
    pub(crate) fn note(&mut self, config: &Config) {
        let specs = config.tenants().values().chain(config.templates().values());
        for parent in specs.filter_map(TenantSpec::parent) {
            self.number(parent);
        }
    }

    /// The number of a parent, from now on.
    pub(crate) fn number(&mut self, id: &str) -> u64 {
        if let Some(&number) = self.numbers.get(id) {
            return number;
        }
        let next = PARENT | (self.numbers.len() as u64 + 1);
        self.numbers.insert(id.to_owned(), next);
        next
    }

    /// Where a tenant stands. A parent's own requests stand beside its children, with weight 1.
    pub(crate) fn of(&self, id: Option<&str>, spec: &TenantSpec, config: &Config) -> Lineage {
        let mut above: Vec<Level> =
            config.parents_of(spec).filter_map(|(id, spec)| self.level(id, spec)).collect();
        above.reverse();
        match id.and_then(|id| self.level(id, spec)) {
            Some(own) => {
                above.push(own);
                Lineage { above: above.into(), weight: 1, seats: SeatsSpec::none() }
            }
            None => Lineage { above: above.into(), weight: spec.weight(), seats: spec.seats() },
        }
    }

    /// Where somebody stands who has nobody beneath it.
    pub(crate) fn beneath(spec: &TenantSpec, above: Arc<[Level]>) -> Lineage {
        Lineage { above, weight: spec.weight(), seats: spec.seats() }
    }

    fn level(&self, id: &str, spec: &TenantSpec) -> Option<Level> {
        let key = *self.numbers.get(id)?;
        Some(Level { key, weight: spec.weight(), seats: spec.seats() })
    }

    /// The parents as a configuration has them, by key.
    pub(crate) fn levels<'a>(&'a self, config: &'a Config) -> impl Iterator<Item = Level> + 'a {
        self.numbers.keys().filter_map(|id| self.level(id, config.tenants().get(id)?))
    }
}

/// Tells parents' keys from tenants' own, which use 63 bits.
const PARENT: u64 = 1 << 63;

//! One tenant is added, changed or taken out while everybody else's requests go on.

use std::sync::Arc;

use super::{
    snapshot::Snapshot,
    state::{Register, State},
    update::too_many_tenants,
};
use crate::{
    admission::Level,
    config::{ConfigError, DEEPEST, Known, MOST_TENANTS, TenantSpec, key, quoted},
    tenant::{Entry, Found, Lineages, Revised, Revision, Terms},
};

impl State {
    /// Adds a tenant or puts other terms to it, or changes nothing.
    pub(super) fn set_tenant(&self, id: &str, spec: &TenantSpec) -> Result<(), ConfigError> {
        let rules = self.rules.lock();
        let mut register = self.registry.lock();
        let snapshot = self.published.load();
        let pools = snapshot.services.iter().map(|service| service.pool.name()).collect();
        spec.validate_alone(id, &Known { pools, dimensions: &snapshot.dimensions })?;
        let key = self.hasher.key(id).ok_or_else(too_many_tenants)?;
        if register.tenants.configured() >= MOST_TENANTS {
            return Err(too_many_tenants());
        }
        let old = snapshot.directory.find(&key, &self.slab);
        let parent = self.parent_of(id, spec, &snapshot, &register)?;
        let is_parent = old.is_some_and(|found| register.tenants.is_parent(found.slot));
        if let Some(found) = old {
            check_change(
                id,
                (is_parent, snapshot.directory.terms(&found)),
                parent.map(|found| found.entry()),
            )?;
        }
        // Nothing refuses any more, but for a want of slots.
        let (above, group) = self.place(id, (spec, parent, is_parent), &snapshot, &mut register);
        let Register { quota_lists, tenants, .. } = &mut *register;
        let id_of = |name: &str| snapshot.named(name).map(|service| service.pool.id());
        let mut terms = Terms::new(spec, Lineages::beneath(spec, above), id_of, quota_lists);
        if let Some(group) = group {
            terms = terms.into_group(group.key);
        }
        let own = |entry: Entry| terms.level(entry.key());
        let parent = parent.map(|found| found.entry());
        let revision = Revision { id, key, terms: terms.clone(), parent, group };
        let revised = snapshot.directory.revise(revision, tenants, &self.slab, self.uptime(self.clock.now()));
        let Revised { entry, next } = revised.ok_or_else(too_many_tenants)?;
        if quota_lists.is_bloated() {
            quota_lists.forget_unused();
        }
        if let Some(next) = next {
            self.published.publish(Arc::new(snapshot.with_directory(next)));
        }
        drop(register);
        for level in [Some(own(entry)), group].into_iter().flatten() {
            snapshot.services.iter().for_each(|service| service.admission.adapt(&level));
        }
        drop(rules);
        let now = self.clock.now();
        snapshot.services.iter().for_each(|service| service.admission.hand_out(now));
        Ok(())
    }

    /// Where a tenant is to stand in the tree of shares: the places above it, and its own where it is a parent.
    fn place(
        &self,
        id: &str,
        (spec, parent, is_parent): (&TenantSpec, Option<Found>, bool),
        snapshot: &Snapshot,
        register: &mut Register,
    ) -> (Arc<[Level]>, Option<Level>) {
        let directory = &snapshot.directory;
        let mut above = Arc::default();
        if let (Some(name), Some(found)) = (spec.parent(), parent) {
            let group = register.lineages.number(name);
            directory.make_group(&found, group, &mut register.tenants, &self.slab);
            let terms = directory.terms_of_slot(found.slot, &self.hasher, &self.slab);
            above = terms.map(|terms| Arc::clone(terms.above())).unwrap_or_default();
        }
        let group = is_parent.then(|| {
            let key = register.lineages.number(id);
            Level { key, weight: spec.weight(), seats: spec.seats() }
        });
        (above, group)
    }

    /// Takes a tenant out; says whether it was there.
    pub(super) fn remove_tenant(&self, id: &str) -> Result<bool, ConfigError> {
        let mut register = self.registry.lock();
        let snapshot = self.published.load();
        let found = self.hasher.key(id).and_then(|key| snapshot.directory.find(&key, &self.slab));
        let Some(found) = found.filter(|found| !register.tenants.is_made(found.slot)) else {
            return Ok(false);
        };
        let path = format!("tenants.{}", key(id));
        if register.tenants.is_parent(found.slot) {
            return Err(ConfigError::new(
                path,
                "",
                "remove the tenants beneath it first, and the template if it is",
            ));
        }
        if let Some(service) = snapshot.services.iter().find(|service| service.owner == Some(found.entry())) {
            let fix = format!("reconfigure: it owns the pool {}", quoted(service.pool.name()));
            return Err(ConfigError::new(path, "", fix));
        }
        if snapshot.directory.terms(&found).has_seats() {
            let fix = "reconfigure: shares of the seats come and go with a whole configuration";
            return Err(ConfigError::new(path, "", fix));
        }
        let moment = self.moment(self.uptime(self.clock.now()));
        snapshot.directory.dismiss(&found, &mut register.tenants, &self.slab, &moment);
        Ok(true)
    }

    /// The tenant that a specification names as its parent.
    fn parent_of(
        &self,
        id: &str,
        spec: &TenantSpec,
        snapshot: &Snapshot,
        register: &Register,
    ) -> Result<Option<Found>, ConfigError> {
        let Some(parent) = spec.parent() else { return Ok(None) };
        let refuse =
            |fix: String| ConfigError::new(format!("tenants.{}.parent", key(id)), quoted(parent), fix);
        let found = self.hasher.key(parent).and_then(|key| snapshot.directory.find(&key, &self.slab));
        let found = found.filter(|found| parent != id && !register.tenants.is_made(found.slot));
        let found =
            found.ok_or_else(|| refuse("name one of the other tenants; set that one first".to_owned()))?;
        let up =
            |entry: &Entry| snapshot.directory.terms_of_slot(entry.slot, &self.hasher, &self.slab)?.parent();
        if std::iter::successors(Some(found.entry()), up).take(DEEPEST).count() == DEEPEST {
            return Err(refuse(format!("let the tree be at most {DEEPEST} tenants deep, without a circle")));
        }
        let is_parent = register.tenants.is_parent(found.slot);
        if !is_parent && snapshot.directory.terms(&found).has_seats() {
            let fix =
                "reconfigure: a tenant with a share of the seats becomes a parent with a whole configuration";
            return Err(refuse(fix.to_owned()));
        }
        Ok(Some(found))
    }
}

/// Whether a tenant that is there may be changed by itself.
fn check_change(
    id: &str,
    (is_parent, old): (bool, &Terms),
    parent: Option<Entry>,
) -> Result<(), ConfigError> {
    if is_parent && old.parent() != parent {
        let fix = "leave its parent as it is, or reconfigure: others are beneath it";
        return Err(ConfigError::new(format!("tenants.{}.parent", key(id)), "", fix));
    }
    if old.has_seats() || is_parent && old.above().last().is_some_and(|own| !own.seats.is_none()) {
        let fix = "reconfigure: it has a share of the seats";
        return Err(ConfigError::new(format!("tenants.{}", key(id)), "", fix));
    }
    Ok(())
}

//! Shares of the seats: guarantees, what of them is reserved, and bounds, at every level of the tree.

use super::{
    node::Level,
    tree::{ROOT, Tree},
};
use crate::config::SeatsSpec;

/// What a configured share means at the capacity of the moment, in seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) spec: SeatsSpec,
    /// Below so many it goes before whoever has none to claim.
    pub(super) guaranteed: u32,
    /// The part of them that stays free while it is not used.
    pub(super) firm: u32,
    pub(super) max: u32,
    /// Kept while idle: its firm seats stay reserved.
    pub(super) pinned: bool,
}

impl Share {
    pub(super) const fn none() -> Self {
        Self { spec: SeatsSpec::none(), guaranteed: 0, firm: 0, max: u32::MAX, pinned: false }
    }

    /// The share at a capacity.
    pub(super) fn resolve(self, capacity: u32) -> Self {
        let guaranteed = self.spec.guaranteed().map_or(0, |amount| amount.of(capacity));
        let lendable = self.spec.lendable().map_or(guaranteed, |amount| amount.of(capacity));
        Self {
            guaranteed,
            firm: guaranteed.saturating_sub(lendable),
            max: self.spec.max().map_or(u32::MAX, |amount| amount.of(capacity).max(1)),
            ..self
        }
    }
}

impl Tree {
    /// New weights and shares reach nodes in use, from the line up; those of a tenant that has moved stay where they are until it
    /// is idle.
    pub(super) fn adapt_path(&mut self, line: u32, above: &[Level], tenant: &Level) {
        self.adapt(line, tenant);
        let mut node = self.node(line).parent;
        for level in above.iter().rev() {
            if node == ROOT || self.node(node).key != level.key {
                return;
            }
            self.adapt(node, level);
            node = self.node(node).parent;
        }
    }

    /// Puts a level's weight and share in force.
    pub(super) fn adapt(&mut self, node: u32, level: &Level) {
        let capacity = self.capacity;
        let known = self.node_mut(node);
        if known.weight != level.weight.max(1) {
            known.reweigh(level.weight);
            self.note_excess(node);
        }
        let known = self.node(node);
        if known.share.spec == level.seats {
            return;
        }
        let pinned = known.share.pinned;
        if known.share.spec.is_none() {
            self.shared.push(node);
        }
        let share = Share { spec: level.seats, pinned, ..Share::none() }.resolve(capacity);
        self.set_share(node, share);
    }

    /// Another capacity: what shares of it mean changes.
    pub(super) fn set_capacity(&mut self, capacity: u32) {
        if self.capacity == capacity {
            return;
        }
        self.capacity = capacity;
        for node in self.shared.clone() {
            // Another's change may have ended this one.
            if let Some(known) = self.nodes.get(node as usize) {
                let share = known.share.resolve(capacity);
                self.set_share(node, share);
            }
        }
    }

    fn set_share(&mut self, node: u32, share: Share) {
        let known = self.node_mut(node);
        let before = known.unused_firm();
        known.share = share;
        let after = known.unused_firm();
        self.held_back = self.held_back - u64::from(before) + u64::from(after);
        if !self.node(node).is_idle() {
            self.refresh(node);
        }
    }

    /// Seats that stay free for others than this node: those reserved and not used, but never the last one.
    pub(super) fn held_back_for_others(&self, node: u32) -> u32 {
        let mut own = 0;
        self.walk(node, |node| own += u64::from(node.unused_firm()));
        u32::try_from(self.held_back - own).unwrap_or(u32::MAX).min(self.capacity.saturating_sub(1))
    }

    /// Whether somebody on the way to the node has fewer seats than its guarantee.
    pub(super) fn claims(&self, node: u32) -> bool {
        let mut claims = false;
        self.walk(node, |node| claims |= node.claims());
        claims
    }

    /// Seats are taken by a request of this line.
    pub(super) fn take_seats(&mut self, line: u32, width: u32) {
        self.change_seats(line, |in_flight| in_flight + width);
    }

    /// They come back.
    pub(super) fn give_seats(&mut self, line: u32, width: u32) {
        self.change_seats(line, |in_flight| in_flight - width);
    }

    fn change_seats(&mut self, line: u32, change: impl Fn(u32) -> u32) {
        let mut node = line;
        while node != ROOT {
            let known = self.node_mut(node);
            let before = known.unused_firm();
            known.in_flight = change(known.in_flight);
            let (after, parent) = (known.unused_firm(), known.parent);
            self.held_back = self.held_back - u64::from(before) + u64::from(after);
            node = parent;
        }
        self.refresh(line);
    }
}

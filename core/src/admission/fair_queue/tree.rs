//! The tree of shares: start-time fair queueing at every level, from the root down to the tenants' lines.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use slab::Slab;

use super::{
    line::Line,
    node::{Group, Kind, Level, Node},
};

/// All nodes of one pool's queue. Only those exist in which somebody waits, holds a seat or is ahead of its share.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Slab<Node>,
    by_key: HashMap<u64, u32, RandomState>,
    /// What shares are shares of.
    pub(super) capacity: u32,
    /// Reserved seats that nobody uses: Σ of [`Node::unused_firm`].
    pub(super) held_back: u64,
    /// Nodes whose share depends on the capacity.
    pub(super) shared: Vec<u32>,
    /// Groups at rest in which some who have gone are still to be forgotten.
    pub(super) untidy: Vec<u32>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = Level { key: 0, weight: 1, seats: crate::config::SeatsSpec::none() };
        let mut nodes = Slab::new();
        nodes.insert(Node::new(&root, ROOT, 0, Kind::Group(Box::new(Group::new()))));
        Self { nodes, by_key: HashMap::default(), capacity: 0, held_back: 0, shared: vec![], untidy: vec![] }
    }

    pub(super) fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    pub(super) fn node_mut(&mut self, node: u32) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    /// All of them but the root.
    pub(super) fn all(&self) -> Vec<(u64, u32)> {
        self.by_key.iter().map(|(&key, &node)| (key, node)).collect()
    }

    pub(super) fn find(&self, key: u64) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// The line of a tenant, by the way to it; made where it is not there yet.
    pub(super) fn line(&mut self, above: &[Level], tenant: &Level) -> u32 {
        let mut parent = ROOT;
        if let Some(line) = self.find(tenant.key) {
            self.adapt_path(line, above, tenant);
            return line;
        }
        for level in above {
            parent = match self.find(level.key) {
                Some(group) => group,
                None => self.make(level, parent, Kind::Group(Box::new(Group::new()))),
            };
            self.adapt(parent, level);
        }
        let line = self.make(tenant, parent, Kind::Line(Line::new()));
        self.adapt(line, tenant);
        line
    }

    pub(super) fn walk(&self, mut node: u32, mut visit: impl FnMut(&Node)) {
        while node != ROOT {
            visit(self.node(node));
            node = self.node(node).parent;
        }
    }

    /// The line whose turn it is.
    pub(super) fn next(&self) -> Option<u32> {
        let mut node = ROOT;
        while let Kind::Group(group) = &self.node(node).kind {
            let (place, _) = group.heads.least()?;
            node = group.children[place];
        }
        Some(node)
    }

    /// The line furthest over its share, and whether it is further than a newcomer of `cost` to `line` makes its own.
    pub(super) fn furthest_over(&self, line: u32, cost: u64) -> Option<u32> {
        let mut way = vec![];
        let mut node = line;
        while node != ROOT {
            way.push(node);
            node = self.node(node).parent;
        }
        let mut decided = false;
        node = ROOT;
        while let Kind::Group(group) = &self.node(node).kind {
            let (place, excess) = group.excess.least()?;
            let child = group.children[place];
            let own = way.pop();
            if !decided && own != Some(child) {
                let own = self.node(own?);
                let newcomer = own.scaled(own.backlog + u128::from(cost));
                if excess.value() <= newcomer {
                    return None;
                }
                decided = true;
            }
            node = child;
        }
        Some(node)
    }

    /// Drops an idle node.
    pub(super) fn forget(&mut self, node: u32) {
        let Node { key, parent, place, share, .. } = *self.node(node);
        self.node_mut(parent).group_mut().leave(place);
        self.by_key.remove(&key);
        if !share.spec.is_none() {
            self.held_back -= u64::from(self.node(node).unused_firm());
            self.shared.retain(|&other| other != node);
        }
        self.nodes.remove(node as usize);
    }

    fn make(&mut self, level: &Level, parent: u32, kind: Kind) -> u32 {
        let index = u32::try_from(self.nodes.vacant_key()).expect("queues are bounded by u32");
        let group = self.node_mut(parent).group_mut();
        let place = group.enter(index);
        let epoch = group.epoch;
        let mut node = Node::new(level, parent, place, kind);
        node.epoch = epoch;
        self.nodes.insert(node);
        self.by_key.insert(level.key, index);
        index
    }
}

pub(super) const ROOT: u32 = 0;

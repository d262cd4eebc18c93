//! Start-time fair queueing itself: what arrivals, dispatches and corrections do to tags and turns, level by level.

use super::{
    node::{Excess, Head, Node, Turn},
    tournament::Key,
    tree::{ROOT, Tree},
};
use crate::time::Time;

impl Tree {
    /// One more waits in a line.
    pub(super) fn arrive(&mut self, line: u32, cost: u64) {
        self.change_backlog(line, |node| {
            node.waiting += 1;
            node.backlog += u128::from(cost);
        });
        self.refresh(line);
    }

    /// One who waited leaves without having been dispatched: nothing is charged.
    pub(super) fn depart(&mut self, line: u32, cost: u64) {
        self.change_backlog(line, |node| {
            node.waiting -= 1;
            node.backlog -= u128::from(cost);
        });
        self.refresh(line);
    }

    pub(super) fn change_backlog(&mut self, line: u32, change: impl Fn(&mut Node)) {
        let mut node = line;
        while node != ROOT {
            change(self.node_mut(node));
            self.note_excess(node);
            node = self.node(node).parent;
        }
        change(self.node_mut(ROOT));
    }

    /// One who waited is dispatched: its charge moves the tags at every level.
    pub(super) fn dispatch(&mut self, line: u32, cost: u64, width: u32, now: Time) {
        let mut node = line;
        while node != ROOT {
            let known = self.node_mut(node);
            let (start, parent) = (known.start, known.parent);
            known.finish = known.after(start, cost);
            known.start = known.finish;
            let group = self.node_mut(parent).group_mut();
            group.virtual_time = group.virtual_time.max(start);
            group.pace.tick(start, now);
            if start > REBASE_AT {
                self.rebase(parent);
            }
            node = parent;
        }
        self.change_backlog(line, |node| {
            node.waiting -= 1;
            node.backlog -= u128::from(cost);
        });
        self.take_seats(line, width);
    }

    /// What a request really cost became known after it was dispatched: more is paid back before the next, less is given back.
    pub(super) fn correct(&mut self, line: u32, charged: u64, actual: u64) {
        let mut node = line;
        while node != ROOT {
            let parent = self.node(node).parent;
            let group = self.node(parent).group();
            let (virtual_time, epoch) = (group.virtual_time, group.epoch);
            let known = self.node_mut(node);
            if known.epoch == epoch {
                let moved = |tag: u128| {
                    let (more, less) = (actual.saturating_sub(charged), charged.saturating_sub(actual));
                    let tag = tag.saturating_add(known.scaled(u128::from(more)));
                    tag.saturating_sub(known.scaled(u128::from(less))).max(virtual_time)
                };
                (known.start, known.finish) = (moved(known.start), moved(known.finish));
            }
            node = parent;
        }
        self.refresh(line);
    }

    /// Who is first in a line now; to be followed by a refresh.
    pub(super) fn set_head(&mut self, line: u32, head: Head) {
        self.node_mut(line).head = head;
    }

    /// Settles what follows from a change of a line, up to the root: who is in play, with which tag; who is forgotten.
    pub(super) fn refresh(&mut self, line: u32) {
        let mut node = line;
        while node != ROOT {
            let parent = self.node(node).parent;
            self.refresh_turn(node, parent);
            if self.node(parent).waiting == 0 {
                self.rest(parent);
            } else {
                self.raise_head(parent);
            }
            node = parent;
        }
    }

    /// The same for a node that may have gone meanwhile.
    pub(super) fn refresh_if_there(&mut self, node: u32) {
        if self.nodes.contains(node as usize) {
            self.refresh(node);
        }
    }

    fn refresh_turn(&mut self, node: u32, parent: u32) {
        let group = self.node(parent).group();
        let (virtual_time, epoch) = (group.virtual_time, group.epoch);
        let known = self.node_mut(node);
        if known.epoch != epoch {
            (known.start, known.finish, known.epoch) = (0, 0, epoch);
        }
        let was_in_play = known.in_play;
        known.in_play = known.is_playable();
        if known.in_play && !was_in_play {
            known.start = virtual_time.max(known.finish);
        }
        let in_play = known.in_play;
        let gone = known.is_idle();
        let ahead = known.finish > virtual_time;
        let turn = match (in_play, gone && ahead) {
            (true, _) => known.turn(),
            (false, true) => Turn::held(known.finish),
            (false, false) => Turn::ABSENT,
        };
        let place = known.place;
        let group = self.node_mut(parent).group_mut();
        group.in_play = group.in_play + u32::from(in_play) - u32::from(was_in_play);
        group.heads.set(place, turn);
        if gone && !ahead {
            self.forget(node);
        }
    }

    /// Sees who is next in a group. Whoever has gone with a tag before that one's has used its claim up: virtual time may as well
    /// be there.
    fn raise_head(&mut self, node: u32) {
        while self.node(node).group().in_play > 0 {
            let group = self.node(node).group();
            let (place, turn) = group.heads.least().expect("somebody is in play");
            let child = group.children[place];
            if !turn.is_held() {
                let head = Head { arrival: turn.arrival(), claims: turn.claims(), ..self.node(child).head };
                self.node_mut(node).head = head;
                return;
            }
            let group = self.node_mut(node).group_mut();
            group.virtual_time = group.virtual_time.max(turn.tag());
            self.drop_held(child);
        }
    }

    /// Takes a held tag out of the round, and the node with it unless somebody is at its door.
    fn drop_held(&mut self, node: u32) {
        let Node { parent, place, .. } = *self.node(node);
        if self.node(node).is_idle() {
            self.forget(node);
        } else {
            self.node_mut(parent).group_mut().heads.set(place, Turn::ABSENT);
        }
    }

    /// Nobody waits in a group any more: its busy period is over, and all start again from zero.
    fn rest(&mut self, node: u32) {
        while let Some((place, _)) = self.node(node).group().heads.least() {
            let child = self.node(node).group().children[place];
            self.drop_held(child);
        }
        let group = self.node_mut(node).group_mut();
        group.virtual_time = 0;
        group.epoch = group.epoch.wrapping_add(1);
        group.pace.reset();
    }

    pub(super) fn note_excess(&mut self, node: u32) {
        let known = self.node(node);
        let (parent, place, excess): (u32, usize, Excess) = (known.parent, known.place, known.excess());
        self.node_mut(parent).group_mut().excess.set(place, excess);
    }

    /// Takes virtual time off every tag of a group, so that none ever overflows.
    fn rebase(&mut self, node: u32) {
        let group = self.node_mut(node).group_mut();
        let passed = std::mem::take(&mut group.virtual_time);
        group.pace.reset();
        for (place, child) in group.children.clone().into_iter().enumerate() {
            let here = |child: &&mut Node| child.parent == node && child.place == place;
            let Some(child) = self.nodes.get_mut(child as usize).filter(here) else { continue };
            child.start = child.start.saturating_sub(passed);
            child.finish = child.finish.saturating_sub(passed);
            let (start, finish) = (child.turn(), Turn::held(child.finish));
            let heads = &mut self.node_mut(node).group_mut().heads;
            match heads.get(place) {
                Turn::ABSENT => {}
                held if held.is_held() => heads.set(place, finish),
                _ => heads.set(place, start),
            }
        }
    }
}

/// Far from the 2¹²⁷ that tags may reach: one request adds at most 2⁹⁶.
const REBASE_AT: u128 = 1 << 120;

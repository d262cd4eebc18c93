//! Start-time fair queueing itself: what arrivals, dispatches and corrections do to tags and turns, level by level.

use super::{
    node::{Excess, Finish, Head, Kind, Node, Turn},
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
        let (in_play, idle) = (known.in_play, known.is_idle());
        let turn = if in_play { known.turn() } else { Turn::ABSENT };
        let was_kept = known.kept;
        known.kept = idle && known.finish > virtual_time;
        let (place, kept, finish) = (known.place, known.kept, Finish(known.finish));
        let group = self.node_mut(parent).group_mut();
        group.in_play = group.in_play + u32::from(in_play) - u32::from(was_in_play);
        group.heads.set(place, turn);
        if kept || was_kept {
            group.gone.set(place, if kept { finish } else { Finish::ABSENT });
        }
        if idle && !kept {
            self.forget(node);
        }
    }

    /// Sees who is next in a group, and forgets a few of those who have gone.
    fn raise_head(&mut self, node: u32) {
        let group = self.node(node).group();
        if let Some((place, turn)) = group.heads.least() {
            let head = self.node(group.children[place]).head;
            self.node_mut(node).head = Head { arrival: turn.arrival(), claims: turn.claims(), ..head };
        }
        self.forget_gone(node, AT_ONCE);
    }

    /// Nobody waits in a group any more: its busy period is over, and all start again from zero.
    fn rest(&mut self, node: u32) {
        let group = self.node_mut(node).group_mut();
        group.virtual_time = 0;
        group.epoch = group.epoch.wrapping_add(1);
        group.pace.reset();
        let untidy = !self.forget_gone(node, AT_ONCE_AT_REST);
        if untidy && !std::mem::replace(&mut self.node_mut(node).group_mut().untidy, true) {
            self.untidy.push(node);
        }
    }

    /// Forgets some of those who were kept for a tag that means nothing any more: virtual time has reached it, or a new busy period has
    /// begun. Never more than `most` at once, so that no request pays for a crowd that has gone. Says whether there is nothing more to
    /// forget now.
    fn forget_gone(&mut self, node: u32, most: usize) -> bool {
        for _ in 0..most {
            let group = self.node(node).group();
            let Some((place, Finish(finish))) = group.gone.least() else { return true };
            let child = group.children[place];
            let (virtual_time, epoch) = (group.virtual_time, group.epoch);
            let known = self.node_mut(child);
            if known.epoch == epoch && finish > virtual_time {
                return true;
            }
            known.kept = false;
            if known.is_idle() {
                self.forget(child);
            } else {
                // Somebody is at its door.
                self.node_mut(node).group_mut().gone.set(place, Finish::ABSENT);
            }
        }
        self.node(node).group().gone.least().is_none()
    }

    /// Goes on forgetting in a group that is at rest.
    pub(super) fn tidy(&mut self) {
        let Some(&node) = self.untidy.last() else { return };
        // One that has gone may have left its number to another node.
        let untidy = matches!(self.nodes.get(node as usize), Some(Node { kind: Kind::Group(group), .. }) if group.untidy);
        if untidy && !self.forget_gone(node, AT_ONCE) {
            return;
        }
        self.untidy.pop();
        if untidy {
            self.node_mut(node).group_mut().untidy = false;
            self.refresh(node);
        }
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
            let turn = child.in_play.then(|| child.turn());
            let finish = child.kept.then_some(Finish(child.finish));
            let group = self.node_mut(node).group_mut();
            group.heads.set(place, turn.unwrap_or(Turn::ABSENT));
            group.gone.set(place, finish.unwrap_or(Finish::ABSENT));
        }
    }
}

/// More than one request can leave behind.
const AT_ONCE: usize = 2;
const AT_ONCE_AT_REST: usize = 16;
/// Far from the 2¹²⁷ that tags may reach: one request adds at most 2⁹⁶.
const REBASE_AT: u128 = 1 << 120;

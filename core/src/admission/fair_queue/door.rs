//! The door of the queue: who may join it, and who makes room.

use super::{
    line::CLASSES,
    node::Level,
    queue::{FairQueue, QueueLimits},
    waiters::{Newcomer, WaiterId, Wakers},
};
use crate::{config::QueueOrder, pool::Wants, rejection::Rejection, time::Time};

/// Who wants to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joining<'a> {
    /// The parents, the topmost first.
    pub(crate) above: &'a [Level],
    pub(crate) tenant: &'a Level,
    pub(crate) wants: Wants<'a>,
    pub(crate) width: u32,
    pub(crate) class: u8,
    pub(crate) deadline: Time,
}

impl FairQueue {
    /// Puts a request at the end of its tenant's line. A full queue turns away the newest request of the tenant furthest
    /// over its share, whose waker is then in `wakers`.
    ///
    /// # Errors
    /// [`Rejection::QueueFull`] when the tenant's line is full, or it is itself the furthest over its share;
    /// [`Rejection::WouldTimeOut`] when its turn will come too late.
    pub(in crate::admission) fn join(
        &mut self,
        joining: &Joining<'_>,
        limits: &QueueLimits,
        now: Time,
        wakers: &mut Wakers,
    ) -> Result<WaiterId, Rejection> {
        self.check_open(joining, now)?;
        if limits.total == 0 || limits.per_tenant == 0 {
            return Err(Rejection::QueueFull);
        }
        let line = self.tree.line(joining.above, joining.tenant);
        self.tree.node_mut(line).entering = true;
        let room = self
            .check_wait(line, joining, limits, now)
            .and_then(|()| self.make_room(line, joining, limits, wakers));
        self.tree.node_mut(line).entering = false;
        if let Err(rejection) = room {
            self.tree.refresh(line);
            return Err(rejection);
        }
        Ok(self.append(line, joining, now))
    }

    /// Puts a request at the end of its tenant's line, however many wait.
    ///
    /// # Errors
    /// When the pool is gone.
    pub(in crate::admission) fn join_unbounded(
        &mut self,
        joining: &Joining<'_>,
        now: Time,
    ) -> Result<WaiterId, Rejection> {
        self.closed.map_or(Ok(()), Err)?;
        let line = self.tree.line(joining.above, joining.tenant);
        Ok(self.append(line, joining, now))
    }

    fn check_open(&self, joining: &Joining<'_>, now: Time) -> Result<(), Rejection> {
        match self.closed {
            Some(rejection) => Err(rejection),
            None if joining.deadline <= now => Err(Rejection::TimedOut),
            None => Ok(()),
        }
    }

    /// Turns away at the door whoever would wait in vain.
    fn check_wait(
        &self,
        line: u32,
        joining: &Joining<'_>,
        limits: &QueueLimits,
        now: Time,
    ) -> Result<(), Rejection> {
        let node = self.tree.node(line);
        let predictable = limits.order == QueueOrder::Fifo && node.line().all_before(joining.class());
        if node.waiting == 0 || !predictable {
            return Ok(());
        }
        let group = self.tree.node(node.parent).group();
        let tag = node.start.saturating_add(node.scaled(node.backlog));
        let Some(wait) = group.pace.predict(group.virtual_time, tag, now) else { return Ok(()) };
        let patience = joining.deadline.since(now);
        match wait.checked_sub(patience) {
            Some(retry_after) if !retry_after.is_zero() => Err(Rejection::WouldTimeOut { retry_after }),
            _ => Ok(()),
        }
    }

    fn make_room(
        &mut self,
        line: u32,
        joining: &Joining<'_>,
        limits: &QueueLimits,
        wakers: &mut Wakers,
    ) -> Result<(), Rejection> {
        let victim = if self.tree.node(line).waiting >= limits.per_tenant {
            line
        } else if self.waiting() >= limits.total {
            self.tree.furthest_over(line, joining.charge()).ok_or(Rejection::QueueFull)?
        } else {
            return Ok(());
        };
        let (class, newest) = self.tree.node(victim).line().last().ok_or(Rejection::QueueFull)?;
        // Within one tenant the more urgent takes the place of the less urgent.
        if victim == line && class <= joining.class() {
            return Err(Rejection::QueueFull);
        }
        wakers.extend(self.reject(newest, Rejection::QueueFull));
        Ok(())
    }

    fn append(&mut self, line: u32, joining: &Joining<'_>, now: Time) -> WaiterId {
        let (class, cost) = (joining.class(), joining.charge());
        let newcomer = Newcomer {
            node: line,
            width: joining.width.max(1),
            cost,
            joined: now,
            deadline: joining.deadline,
            class,
            wants: joining.wants.kept(),
        };
        let list = self.tree.node_mut(line).line_mut();
        let id = self.waiters.append(list.class_mut(class), newcomer);
        list.note(class);
        self.note_head(line);
        self.tree.arrive(line, cost);
        WaiterId(id)
    }
}

impl Joining<'_> {
    /// A request of no cost counts 1, so that it can neither overtake for ever nor crowd the queue for nothing.
    fn charge(&self) -> u64 {
        self.wants.cost.max(1).saturating_mul(u64::from(self.width.max(1)))
    }

    fn class(&self) -> u8 {
        usize::from(self.class).min(CLASSES - 1).try_into().expect("there are eight")
    }
}

//! A weighted fair queue across tenants: start-time fair queueing with depth, SFQ(D).
//!
//! Source: Goyal, Vin, Cheng, "Start-time Fair Queueing" (1997); Jin, Chase, Kaur, "Interposed Proportional Sharing for a
//! Storage Service Utility" (2004). A request's start tag is `max(V, the finish tag of the tenant's one before)`, its finish
//! tag `start + cost / weight`; the smallest start tag goes next, and V becomes it. For two backlogged tenants the service
//! over weight differs by at most `(D + 1)(cf/wf + cg/wg)`, D being the seats.
//!
//! *Where we differ*: requests that find a free seat are not tagged (with a free seat nobody is held back, and the D in
//! flight are in the bound); only the head of each tenant's line carries a tag, so a cancelled request charges nothing and
//! those behind it move up; when the last waiter leaves, all tags start again from zero, so they cannot overflow.
//!
//! This is plain data: the lock around it, the seats and the wake-ups are [`Admission`](super::Admission)'s.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
    task::Waker,
    time::Duration,
};

use slab::Slab;

use crate::{rejection::Rejection, time::Time};

/// Names a waiter to the queue that it waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WaiterId(usize);

/// How many may wait, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    pub(crate) per_tenant: u32,
    pub(crate) total: u32,
    pub(crate) timeout: Duration,
}

/// Who wants to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joining {
    /// The tenant, unique over all that ever were.
    pub(crate) tenant: u64,
    pub(crate) weight: u32,
    pub(crate) cost: u64,
    pub(crate) deadline: Time,
}

/// What became of a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Waiting,
    /// It holds the seat of this turn.
    Seated(u32),
    Rejected(Rejection),
}

#[derive(Debug)]
struct Waiter {
    tenant: u64,
    cost: u64,
    arrival: u64,
    deadline: Time,
    standing: Standing,
    waker: Option<Waker>,
}

/// One tenant's line.
#[derive(Debug)]
struct Flow {
    weight: u32,
    /// The start tag of the head of the line.
    start: u128,
    /// The finish tag of the last one dispatched.
    finish: u128,
    /// Sum of the costs in line: how far over its share it is.
    backlog: u128,
    line: VecDeque<WaiterId>,
}

/// The queue of one pool.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    virtual_time: u128,
    flows: HashMap<u64, Flow>,
    /// The backlogged flows by (start tag of the head, arrival of the head, tenant).
    heads: BTreeSet<(u128, u64, u64)>,
    /// The flows with an empty line whose last finish tag is still ahead, by that tag.
    spent: BTreeSet<(u128, u64)>,
    deadlines: BTreeSet<(Time, WaiterId)>,
    waiters: Slab<Waiter>,
    arrivals: u64,
    waiting: u32,
    /// Set when the pool is gone: what everyone who still comes is told.
    closed: Option<Rejection>,
}

impl FairQueue {
    /// How many wait.
    pub(super) const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// Puts a request at the end of its tenant's line. A full queue turns away the newest request of the tenant furthest
    /// over its share, whose waker is then in `wakers`.
    ///
    /// # Errors
    /// [`Rejection::QueueFull`] when the tenant's line is full, or it is itself the furthest over its share.
    pub(super) fn join(
        &mut self,
        joining: Joining,
        limits: &QueueLimits,
        wakers: &mut Vec<Waker>,
    ) -> Result<WaiterId, Rejection> {
        if let Some(rejection) = self.closed {
            return Err(rejection);
        }
        let in_line = self.flows.get(&joining.tenant).map_or(0, |flow| flow.line.len());
        if in_line >= limits.per_tenant as usize || limits.total == 0 {
            return Err(Rejection::QueueFull);
        }
        if self.waiting >= limits.total {
            self.push_out(&joining, wakers)?;
        }
        Ok(self.append(joining))
    }

    fn append(&mut self, joining: Joining) -> WaiterId {
        let Joining { tenant, weight, deadline, .. } = joining;
        let cost = joining.counted_cost();
        self.arrivals += 1;
        let arrival = self.arrivals;
        let waiter = Waiter { tenant, cost, arrival, deadline, standing: Standing::Waiting, waker: None };
        let id = WaiterId(self.waiters.insert(waiter));
        let flow = self.flows.entry(tenant).or_insert_with(Flow::new);
        flow.weight = weight.max(1);
        flow.backlog += u128::from(cost);
        if flow.line.is_empty() {
            self.spent.remove(&(flow.finish, tenant));
            flow.start = self.virtual_time.max(flow.finish);
            self.heads.insert((flow.start, arrival, tenant));
        }
        flow.line.push_back(id);
        self.deadlines.insert((deadline, id));
        self.waiting += 1;
        id
    }

    /// Takes the next waiter out of its line and gives it the seat of `turn`.
    pub(super) fn seat_next(&mut self, turn: u32) -> Option<Waker> {
        let &(start, arrival, tenant) = self.heads.first()?;
        self.heads.remove(&(start, arrival, tenant));
        let flow = self.flows.get_mut(&tenant).expect("a head has a flow");
        let id = flow.line.pop_front().expect("a head has a line");
        let waiter = self.waiters.get_mut(id.0).expect("a waiter in line is kept");
        flow.backlog -= u128::from(waiter.cost);
        flow.finish = start.saturating_add(flow.tag(waiter.cost));
        flow.start = flow.finish;
        self.virtual_time = start;
        let waker = leave(waiter, Standing::Seated(turn));
        self.deadlines.remove(&(waiter.deadline, id));
        self.waiting -= 1;
        self.requeue_head(tenant);
        self.forget_spent();
        waker
    }

    /// Turns away everyone whose deadline has come.
    pub(super) fn expire(&mut self, now: Time, wakers: &mut Vec<Waker>) {
        while let Some(&(deadline, id)) = self.deadlines.first()
            && deadline <= now
        {
            wakers.extend(self.reject(id, Rejection::TimedOut));
        }
    }

    /// Turns away everyone, and whoever still comes: the pool is gone.
    pub(super) fn close(&mut self, rejection: Rejection, wakers: &mut Vec<Waker>) {
        self.closed = Some(rejection);
        while let Some(&(_, id)) = self.deadlines.first() {
            wakers.extend(self.reject(id, rejection));
        }
    }

    /// What became of a waiter. One who waits on will be woken through `waker`, for which the one before is handed back; one
    /// who does not is forgotten.
    pub(super) fn poll(&mut self, id: WaiterId, waker: &mut Option<Waker>) -> Standing {
        let waiter = self.waiters.get_mut(id.0).expect("a waiter is kept until it is polled or leaves");
        let standing = waiter.standing;
        if standing == Standing::Waiting {
            mem::swap(&mut waiter.waker, waker);
        } else {
            self.waiters.remove(id.0);
        }
        standing
    }

    /// A waiter goes away without asking what became of it: that is told here, and its waker handed back unused.
    pub(super) fn forget(&mut self, id: WaiterId) -> (Standing, Option<Waker>) {
        let standing = self.waiters.get_mut(id.0).expect("a waiter is kept until it leaves").standing;
        let waker = (standing == Standing::Waiting).then(|| self.reject(id, Rejection::TimedOut)).flatten();
        self.waiters.remove(id.0);
        (standing, waker)
    }

    /// Takes a waiter out of the middle of its line.
    fn reject(&mut self, id: WaiterId, rejection: Rejection) -> Option<Waker> {
        let waiter = self.waiters.get_mut(id.0).expect("a waiter in line is kept");
        let waker = leave(waiter, Standing::Rejected(rejection));
        let (tenant, arrival, cost) = (waiter.tenant, waiter.arrival, waiter.cost);
        self.deadlines.remove(&(waiter.deadline, id));
        self.waiting -= 1;
        let flow = self.flows.get_mut(&tenant).expect("a waiter in line has a flow");
        flow.backlog -= u128::from(cost);
        let waiters = &self.waiters;
        let place =
            flow.line.partition_point(|&other| waiters.get(other.0).is_some_and(|w| w.arrival < arrival));
        flow.line.remove(place);
        if place == 0 {
            self.heads.remove(&(flow.start, arrival, tenant));
            self.requeue_head(tenant);
        } else {
            self.rest();
        }
        waker
    }

    /// Enters the new head of a tenant's line, if there is one.
    fn requeue_head(&mut self, tenant: u64) {
        let flow = self.flows.get(&tenant).expect("the caller has it");
        if let Some(head) = flow.line.front() {
            let arrival = self.waiters.get(head.0).map_or(0, |waiter| waiter.arrival);
            self.heads.insert((flow.start, arrival, tenant));
        } else {
            self.spent.insert((flow.finish, tenant));
        }
        self.rest();
    }

    /// Drops the flows whose claims virtual time has overtaken, so that memory holds the tenants of the moment only.
    fn forget_spent(&mut self) {
        while let Some(&(finish, tenant)) = self.spent.first()
            && finish <= self.virtual_time
        {
            self.spent.pop_first();
            self.flows.remove(&tenant);
        }
    }

    /// With nobody waiting, the busy period ends: everyone starts again from zero.
    fn rest(&mut self) {
        if self.waiting == 0 {
            self.flows.clear();
            self.spent.clear();
            self.virtual_time = 0;
        }
    }

    /// Makes room by turning away the newest request of the tenant that is furthest over its share.
    fn push_out(&mut self, joining: &Joining, wakers: &mut Vec<Waker>) -> Result<(), Rejection> {
        let over = |flow: &Flow| flow.tag(1) * flow.backlog;
        let backlogged = self.flows.iter().filter(|(_, flow)| !flow.line.is_empty());
        let furthest = backlogged.max_by_key(|&(&tenant, flow)| (over(flow), tenant));
        let (&tenant, flow) = furthest.ok_or(Rejection::QueueFull)?;
        let newcomer = self.flows.get(&joining.tenant).map_or(0, |flow| flow.backlog)
            + u128::from(joining.counted_cost());
        if tenant == joining.tenant || over(flow) <= tag(1, joining.weight.max(1)) * newcomer {
            return Err(Rejection::QueueFull);
        }
        let newest = *flow.line.back().expect("it is backlogged");
        wakers.extend(self.reject(newest, Rejection::QueueFull));
        Ok(())
    }
}

impl Flow {
    fn new() -> Self {
        Self { weight: 1, start: 0, finish: 0, backlog: 0, line: VecDeque::new() }
    }

    fn tag(&self, cost: u64) -> u128 {
        tag(cost, self.weight)
    }
}

fn leave(waiter: &mut Waiter, standing: Standing) -> Option<Waker> {
    waiter.standing = standing;
    waiter.waker.take()
}

impl Joining {
    /// A request of no cost counts 1, so that it can neither overtake for ever nor crowd the queue for nothing.
    fn counted_cost(&self) -> u64 {
        self.cost.max(1)
    }
}

/// cost / weight in units of 2⁻³²: rounding is under 2⁻³² of a unit of cost per request.
fn tag(cost: u64, weight: u32) -> u128 {
    (u128::from(cost) << 32) / u128::from(weight)
}

#[cfg(all(test, not(loom)))]
#[path = "fair_queue_tests.rs"]
mod tests;

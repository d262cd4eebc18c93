//! The queue against the theorem, the published small cases and its own bounds.

use proptest::prelude::*;

use super::*;

const LIMITS: QueueLimits =
    QueueLimits { per_tenant: 1_000, total: 100_000, timeout: Duration::from_secs(1) };

fn joining(tenant: u64, weight: u32, cost: u64) -> Joining {
    Joining { tenant, weight, cost, deadline: Time::from_nanos(u64::MAX) }
}

fn join(queue: &mut FairQueue, joining: Joining) -> WaiterId {
    queue.join(joining, &LIMITS, &mut vec![]).expect("there is room")
}

/// Dispatches the next and says whose it was.
fn next(queue: &mut FairQueue, waiting: &mut Vec<(WaiterId, u64)>) -> Option<u64> {
    queue.seat_next(0);
    let index = waiting.iter().position(|&(id, _)| {
        queue.waiters.get(id.0).is_some_and(|waiter| matches!(waiter.standing, Standing::Seated(_)))
    })?;
    let (id, tenant) = waiting.remove(index);
    queue.forget(id);
    Some(tenant)
}

#[test]
fn one_tenants_crowd_does_not_delay_another() {
    let mut queue = FairQueue::default();
    let mut waiting: Vec<_> = (0..50).map(|_| (join(&mut queue, joining(1, 1, 1)), 1)).collect();
    assert_eq!(next(&mut queue, &mut waiting), Some(1));
    waiting.push((join(&mut queue, joining(2, 1, 1)), 2));
    let order: Vec<_> = (0..3).map_while(|_| next(&mut queue, &mut waiting)).collect();
    assert!(order[..2].contains(&2), "{order:?}");
}

#[test]
fn shares_follow_weight_and_cost() {
    let mut queue = FairQueue::default();
    let mut waiting = vec![];
    for _ in 0..400 {
        waiting.push((join(&mut queue, joining(1, 1, 1)), 1));
        waiting.push((join(&mut queue, joining(2, 3, 1)), 2));
        waiting.push((join(&mut queue, joining(3, 3, 3)), 3));
    }
    let mut counts = [0_u32; 4];
    for _ in 0..500 {
        let tenant = next(&mut queue, &mut waiting).expect("all are backlogged");
        counts[usize::try_from(tenant).expect("small")] += 1;
    }
    // Weight 3 at cost 3 gets as many as weight 1 at cost 1.
    assert!(
        (98..=102).contains(&counts[1])
            && (298..=302).contains(&counts[2])
            && (98..=102).contains(&counts[3]),
        "{counts:?}"
    );
}

#[test]
fn a_full_queue_turns_away_the_newest_of_the_tenant_furthest_over_its_share() {
    let limits = QueueLimits { per_tenant: 8, total: 10, timeout: Duration::from_secs(1) };
    let mut queue = FairQueue::default();
    let join = |queue: &mut FairQueue, tenant| queue.join(joining(tenant, 1, 1), &limits, &mut vec![]);
    let crowd: Vec<_> = (0..8).map(|_| join(&mut queue, 1).expect("there is room")).collect();
    assert_eq!(join(&mut queue, 1), Err(Rejection::QueueFull), "its own line is full");
    for tenant in 2..6 {
        assert!(join(&mut queue, tenant).is_ok(), "tenant {tenant} is under its share");
    }
    assert_eq!(queue.waiting(), 10);
    let noop = || Some(Waker::noop().clone());
    assert_eq!(queue.poll(crowd[7], &mut noop()), Standing::Rejected(Rejection::QueueFull));
    assert_eq!(queue.poll(crowd[6], &mut noop()), Standing::Rejected(Rejection::QueueFull));
    assert_eq!(queue.poll(crowd[5], &mut noop()), Standing::Waiting);
}

#[test]
fn requests_of_no_cost_crowd_nobody_out() {
    let limits = QueueLimits { per_tenant: 8, total: 10, timeout: Duration::from_secs(1) };
    let mut queue = FairQueue::default();
    let mut join = |tenant, cost| queue.join(joining(tenant, 1, cost), &limits, &mut vec![]);
    assert!(join(2, 1).is_ok() && join(2, 1).is_ok());
    assert!((0..8).all(|_| join(1, 0).is_ok()));
    assert_eq!(join(1, 0), Err(Rejection::QueueFull));
    assert!(join(3, 1).is_ok(), "the tenant with eight waiting makes room");
}

#[test]
fn whoever_leaves_charges_nothing() {
    let mut queue = FairQueue::default();
    let mut waiting = vec![];
    let gone: Vec<_> = (0..10).map(|_| join(&mut queue, joining(1, 1, 100))).collect();
    waiting.push((join(&mut queue, joining(1, 1, 1)), 1));
    waiting.push((join(&mut queue, joining(2, 1, 1)), 2));
    waiting.push((join(&mut queue, joining(2, 1, 1)), 2));
    for id in gone {
        assert_eq!(queue.forget(id).0, Standing::Waiting);
    }
    let order: Vec<_> = (0..3).map_while(|_| next(&mut queue, &mut waiting)).collect();
    assert_eq!(order, [1, 2, 2], "the one left of tenant 1 is its first");
    assert!(
        queue.flows.is_empty()
            && queue.heads.is_empty()
            && queue.deadlines.is_empty()
            && queue.waiters.is_empty()
    );
}

#[test]
fn the_expired_are_told_so() {
    let mut queue = FairQueue::default();
    let deadline = Time::from_nanos(10);
    let id = join(&mut queue, Joining { deadline, ..joining(1, 1, 1) });
    queue.expire(Time::from_nanos(9), &mut vec![]);
    assert_eq!(queue.poll(id, &mut Some(Waker::noop().clone())), Standing::Waiting);
    let mut wakers = vec![];
    queue.expire(deadline, &mut wakers);
    assert_eq!(wakers.len(), 1);
    assert_eq!(queue.poll(id, &mut Some(Waker::noop().clone())), Standing::Rejected(Rejection::TimedOut));
    assert_eq!(queue.waiting(), 0);
}

proptest! {
    /// Invariant 3, with D = 1 (each dispatch completes before the next): while two tenants are backlogged, their services
    /// over weight differ by at most 2 (cf/wf + cg/wg).
    #[test]
    fn backlogged_tenants_stay_within_the_bound(
        weights in prop::collection::vec(1_u32..20, 2..6),
        costs in prop::collection::vec((0_usize..6, 1_u64..50), 20..300),
        early in 0_usize..40,
    ) {
        let mut queue = FairQueue::default();
        let tenants = weights.len();
        let mut waiting = vec![];
        let mut largest = vec![0_u64; tenants];
        let mut lines: Vec<VecDeque<u64>> = vec![VecDeque::new(); tenants];
        let mut served = vec![0_f64; tenants];
        let mut since: Vec<Option<Vec<f64>>> = vec![None; tenants];
        let mut arrivals = costs.into_iter();
        for step in 0.. {
            let batch = if step == 0 { early } else { 1 };
            for (tenant, cost) in arrivals.by_ref().take(batch) {
                let tenant = tenant % tenants;
                waiting.push((join(&mut queue, joining(tenant as u64, weights[tenant], cost)), tenant as u64));
                largest[tenant] = largest[tenant].max(cost);
                if lines[tenant].is_empty() {
                    since[tenant] = Some(served.clone());
                }
                lines[tenant].push_back(cost);
            }
            let Some(tenant) = next(&mut queue, &mut waiting) else { break };
            let tenant = usize::try_from(tenant).expect("small");
            let cost = lines[tenant].pop_front().expect("it waited");
            #[expect(clippy::cast_precision_loss, reason = "small costs")]
            let normalised = |tenant: usize, cost: u64| cost as f64 / f64::from(weights[tenant]);
            served[tenant] += normalised(tenant, cost);
            for f in 0..tenants {
                for g in 0..f {
                    if lines[f].is_empty() || lines[g].is_empty() {
                        continue;
                    }
                    // From the later of the two moments at which they became backlogged.
                    let start = |other: usize| since[other].as_ref().expect("it is backlogged");
                    let both = if start(f).iter().sum::<f64>() > start(g).iter().sum::<f64>() { start(f) } else { start(g) };
                    let difference = ((served[f] - both[f]) - (served[g] - both[g])).abs();
                    let bound = 2.0 * (normalised(f, largest[f]) + normalised(g, largest[g]));
                    prop_assert!(difference <= bound + 1e-6, "{difference} > {bound}");
                }
            }
        }
        prop_assert_eq!(queue.waiting(), 0);
        prop_assert!(queue.flows.is_empty());
    }
}

//! A circle of points, each an endpoint's: what the consistent hashing of nginx and that of Envoy have in common.
//!
//! A key's endpoint stands at the first point from the key's own place on. The points lie sorted, and an index by their leading
//! bits leaves about two of them to search, however many there are. Where points coincide, the endpoint whose address sorts first
//! goes first, whatever the order of the list.
//!
//! An update takes the points of the endpoints that stay from the circle before and hashes and sorts only those of the others. The
//! result is the same as if all were new.

use std::{collections::HashMap, fmt};

use super::Candidates;

/// A place on the circle.
pub(super) trait Place: Copy + Ord + fmt::Debug {
    /// Its leading bits.
    fn top(self) -> u32;
}

/// The points, sorted, and where to look for a place.
#[derive(PartialEq, Eq)]
pub(super) struct Circle<P> {
    points: Box<[Point<P>]>,
    /// By leading bits: the first point that has them, or would come after them.
    starts: Box<[u32]>,
    /// How far the bits of a place that are not leading are shifted out.
    shift: u32,
    /// How many points each endpoint has.
    counts: Box<[u32]>,
}

/// Compared by place, then by owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point<P> {
    place: P,
    /// An endpoint, by its index in the list. While a circle is built: by its rank among the addresses.
    owner: u32,
}

/// One endpoint that shall stand on a circle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand<'a> {
    pub(super) address: &'a str,
    /// At how many points.
    pub(super) count: u32,
}

/// A circle in force, and the addresses that it was built for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a, P> {
    pub(super) circle: &'a Circle<P>,
    pub(super) addresses: &'a [&'a str],
}

impl<P: Place> Circle<P> {
    /// Builds a circle; `places` hands out the places of one endpoint.
    pub(super) fn build(
        stands: &[Stand<'_>],
        before: Option<Before<'_, P>>,
        places: impl Fn(&Stand<'_>, &mut dyn FnMut(P)),
    ) -> Self {
        let total: usize = stands.iter().map(|stand| stand.count as usize).sum();
        let by_rank = by_address(stands);
        let mut ranks = vec![0; stands.len()];
        (0..).zip(&by_rank).for_each(|(rank, &index)| ranks[index as usize] = rank);
        let stays = before.map_or_else(Vec::new, |before| before.who_stays(stands));
        let mut fresh = vec![true; stands.len()];
        stays.iter().flatten().for_each(|&index| fresh[index as usize] = false);

        let mut new = vec![];
        for ((stand, &owner), _) in stands.iter().zip(&ranks).zip(&fresh).filter(|(_, fresh)| **fresh) {
            places(stand, &mut |place| new.push(Point { place, owner }));
        }
        new.sort_unstable();
        let old = before.map_or(&[][..], |before| &before.circle.points);
        let rank_now = |point: &Point<P>| {
            let index = stays[point.owner as usize]?;
            Some(Point { place: point.place, owner: ranks[index as usize] })
        };
        let mut points = Vec::with_capacity(total);
        merge(old.iter().filter_map(rank_now), new.into_iter(), |point: Point<P>| {
            points.push(Point { place: point.place, owner: by_rank[point.owner as usize] });
        });
        Self::of_sorted(points.into(), stands.iter().map(|stand| stand.count).collect())
    }

    fn of_sorted(points: Box<[Point<P>]>, counts: Box<[u32]>) -> Self {
        let bits = points.len().checked_ilog2().unwrap_or(0).saturating_sub(1).min(MOST_BITS);
        let shift = u32::BITS - bits;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (index, point) in (0..).zip(&points) {
            let bucket = bucket(point.place, shift);
            while starts.len() <= bucket {
                starts.push(index);
            }
        }
        let end = u32::try_from(points.len()).unwrap_or(u32::MAX);
        starts.resize((1 << bits) + 1, end);
        Self { points, starts: starts.into(), shift, counts }
    }

    /// The usable endpoint at or after `place`.
    #[inline]
    pub(super) fn pick(&self, place: P, candidates: &Candidates<'_>) -> Option<usize> {
        let start = self.find(place);
        match self.points.get(start) {
            Some(point) if candidates.is_usable(point.owner as usize) => Some(point.owner as usize),
            _ => self.walk(start, place, candidates),
        }
    }

    /// The index of the first point at or after `place`; the first of all where there is none.
    #[inline]
    fn find(&self, place: P) -> usize {
        let bucket = bucket(place, self.shift);
        let (from, to) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        let found = from + self.points[from..to].partition_point(|point| point.place < place);
        if found == self.points.len() { 0 } else { found }
    }

    #[cold]
    fn walk(&self, start: usize, place: P, candidates: &Candidates<'_>) -> Option<usize> {
        let (before, after) = self.points.split_at(start);
        let owners = after.iter().chain(before).map(|point| point.owner as usize);
        let found = owners.take(LONGEST_WALK).find(|&index| candidates.is_usable(index));
        // Hardly anybody is usable, or only who has no point.
        found.or_else(|| candidates.first_usable(place.top() as usize % candidates.len().max(1)))
    }

    /// Place and owner of each point, in order.
    #[cfg(all(test, not(loom)))]
    pub(super) fn points(&self) -> impl Iterator<Item = (P, usize)> {
        self.points.iter().map(|point| (point.place, point.owner as usize))
    }

    /// Whose the place is.
    #[cfg(all(test, not(loom)))]
    pub(super) fn owner(&self, place: P) -> usize {
        self.points[self.find(place)].owner as usize
    }
}

impl<P> Before<'_, P> {
    /// For each endpoint of before: its index now, if it is still there, with as many points.
    fn who_stays(&self, stands: &[Stand<'_>]) -> Vec<Option<u32>> {
        let now: HashMap<&str, (u32, u32)> =
            (0..).zip(stands).map(|(index, stand)| (stand.address, (index, stand.count))).collect();
        let stays = |(address, &count): (&&str, &u32)| {
            now.get(address).filter(|(_, now)| *now == count).map(|&(index, _)| index)
        };
        self.addresses.iter().zip(&self.circle.counts).map(stays).collect()
    }
}

impl<P> fmt::Debug for Circle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circle").field("points", &self.points.len()).finish_non_exhaustive()
    }
}

impl Place for u32 {
    fn top(self) -> u32 {
        self
    }
}

impl Place for u64 {
    fn top(self) -> u32 {
        (self >> 32) as u32
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "32 bits fit")]
fn bucket(place: impl Place, shift: u32) -> usize {
    (u64::from(place.top()) >> shift) as usize
}

/// The indices of the endpoints, in the order of their addresses.
fn by_address(stands: &[Stand<'_>]) -> Vec<u32> {
    let mut indices: Vec<u32> = (0..).take(stands.len()).collect();
    indices.sort_unstable_by_key(|&index| stands[index as usize].address);
    indices
}

/// Hands out what two sorted sequences hold, in order.
fn merge<T: Ord>(left: impl Iterator<Item = T>, right: impl Iterator<Item = T>, mut out: impl FnMut(T)) {
    let mut right = right.peekable();
    for item in left {
        while let Some(earlier) = right.next_if(|other| *other < item) {
            out(earlier);
        }
        out(item);
    }
    right.for_each(out);
}

/// How many points a pick looks at before it takes any usable endpoint.
const LONGEST_WALK: usize = 1_024;
/// The index is never larger than this, in bits.
const MOST_BITS: u32 = 24;

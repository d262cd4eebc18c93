//! A node of the tree of shares: a tenant's line, or a group of those beneath one parent.

use super::{
    line::Line,
    pace::Pace,
    shares::Share,
    tournament::{Key, Tournament},
};
use crate::config::SeatsSpec;

/// One step of the way from the root to a tenant's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Level {
    /// Unique over all that ever were: tenants' entries and, apart from them, parents.
    pub(crate) key: u64,
    pub(crate) weight: u32,
    pub(crate) seats: SeatsSpec,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: u64,
    pub(super) parent: u32,
    /// Its place in the parent's tournaments.
    pub(super) place: usize,
    pub(super) weight: u32,
    /// Set while a request is at its door: the node stays, whatever happens meanwhile.
    pub(super) entering: bool,
    /// Requests waiting in it.
    pub(super) waiting: u32,
    /// Seats held by requests that came through it.
    pub(super) in_flight: u32,
    /// What the requests waiting in it are charged.
    pub(super) backlog: u128,
    /// The finish tag of the last dispatch, which is the start tag of the next if it comes at once. In units of 2⁻³² of cost
    /// over weight.
    pub(super) finish: u128,
    /// The start tag of the one whose turn it is next; counts while somebody waits.
    pub(super) start: u128,
    /// What the last division by the weight left over: so tags are exact over a whole busy period.
    remainder: u64,
    /// The group's epoch that the tags are of.
    pub(super) epoch: u32,
    /// Who is next in it.
    pub(super) head: Head,
    /// Whether it is passed over for the moment: whose turn it is in it waits for endpoints that the others do not need.
    pub(super) aside: bool,
    /// Whether it is in play: somebody waits, and it may have the seats.
    pub(super) in_play: bool,
    /// Whether it is idle and kept for its tag, which virtual time has not reached.
    pub(super) kept: bool,
    pub(super) share: Share,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Line(Line),
    Group(Box<Group>),
}

/// Who is next in a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    /// When it came: decides ties.
    pub(super) arrival: u64,
    /// The seats that it wants.
    pub(super) width: u32,
    /// Whether it goes by a guarantee beneath this node.
    pub(super) claims: bool,
}

/// Those beneath one parent.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) virtual_time: u128,
    /// Who is next: start tags of those in play.
    pub(super) heads: Tournament<Turn>,
    /// Whose tag virtual time reaches next, of those who have gone.
    pub(super) gone: Tournament<Finish>,
    /// Who is furthest over its share.
    pub(super) excess: Tournament<Excess>,
    /// Node by place.
    pub(super) children: Vec<u32>,
    free: Vec<usize>,
    /// How many children there are.
    residents: u32,
    /// How many are in play.
    pub(super) in_play: u32,
    /// Counts busy periods.
    pub(super) epoch: u32,
    pub(super) pace: Pace,
    /// Whether some who have gone are still to be forgotten, and the tree knows.
    pub(super) untidy: bool,
}

/// `not claiming a guarantee << 127 | tag`, then arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(u128, u64);

/// A finish tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finish(pub(super) u128);

/// Backlog over weight, upside down: the least is the furthest over its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Excess(u128);

impl Node {
    pub(super) fn new(level: &Level, parent: u32, place: usize, kind: Kind) -> Self {
        Self {
            key: level.key,
            parent,
            place,
            weight: level.weight.max(1),
            entering: false,
            waiting: 0,
            in_flight: 0,
            backlog: 0,
            finish: 0,
            start: 0,
            remainder: 0,
            epoch: 0,
            head: Head::default(),
            aside: false,
            in_play: false,
            kept: false,
            share: Share::none(),
            kind,
        }
    }

    /// The tag of a charge after `tag`.
    pub(super) fn after(&mut self, tag: u128, cost: u64) -> u128 {
        let charge = (u128::from(cost) << 32) + u128::from(self.remainder);
        let weight = u128::from(self.weight);
        self.remainder = u64::try_from(charge % weight).expect("less than the weight");
        tag.saturating_add(charge / weight)
    }

    /// Cost over weight, in the units of tags.
    pub(super) fn scaled(&self, cost: u128) -> u128 {
        scaled(cost, self.weight)
    }

    pub(super) fn reweigh(&mut self, weight: u32) {
        if self.weight != weight.max(1) {
            self.weight = weight.max(1);
            self.remainder = 0;
        }
    }

    /// Whether its share allows the seats that its next one wants. Who has none may always have the first.
    const fn may_have_more(&self) -> bool {
        self.in_flight == 0 || self.in_flight.saturating_add(self.head.width) <= self.share.max
    }

    /// Whether somebody waits in it who may have seats.
    pub(super) fn is_playable(&self) -> bool {
        let somebody = match &self.kind {
            Kind::Line(_) => self.waiting > 0,
            Kind::Group(group) => group.in_play > 0,
        };
        somebody && !self.aside && self.may_have_more()
    }

    /// Reserved seats that it does not use.
    pub(super) const fn unused_firm(&self) -> u32 {
        self.share.firm.saturating_sub(self.in_flight)
    }

    pub(super) const fn claims(&self) -> bool {
        self.in_flight < self.share.guaranteed
    }

    /// Whether nothing is left of it but perhaps a tag.
    pub(super) fn is_idle(&self) -> bool {
        let residents = match &self.kind {
            Kind::Line(_) => 0,
            Kind::Group(group) => group.residents,
        };
        !self.entering && !self.share.pinned && self.waiting == 0 && self.in_flight == 0 && residents == 0
    }

    pub(super) const fn turn(&self) -> Turn {
        let claims = self.claims() || self.head.claims;
        Turn(if claims { self.start } else { self.start | NOT_CLAIMING }, self.head.arrival)
    }

    pub(super) fn excess(&self) -> Excess {
        if self.backlog == 0 { Excess::ABSENT } else { Excess(!self.scaled(self.backlog)) }
    }

    pub(super) fn line_mut(&mut self) -> &mut Line {
        match &mut self.kind {
            Kind::Line(line) => line,
            Kind::Group(_) => unreachable!("waiters stand in lines"),
        }
    }

    pub(super) fn line(&self) -> &Line {
        match &self.kind {
            Kind::Line(line) => line,
            Kind::Group(_) => unreachable!("waiters stand in lines"),
        }
    }

    pub(super) fn group_mut(&mut self) -> &mut Group {
        match &mut self.kind {
            Kind::Group(group) => group,
            Kind::Line(_) => unreachable!("only groups have children"),
        }
    }

    pub(super) fn group(&self) -> &Group {
        match &self.kind {
            Kind::Group(group) => group,
            Kind::Line(_) => unreachable!("only groups have children"),
        }
    }
}

impl Group {
    pub(super) fn new() -> Self {
        Self {
            virtual_time: 0,
            heads: Tournament::new(),
            gone: Tournament::new(),
            excess: Tournament::new(),
            children: vec![],
            free: vec![],
            residents: 0,
            in_play: 0,
            epoch: 0,
            pace: Pace::default(),
            untidy: false,
        }
    }

    /// A place for one child more.
    pub(super) fn enter(&mut self, child: u32) -> usize {
        let place = self.free.pop().unwrap_or_else(|| {
            self.heads.grow();
            self.gone.grow();
            self.excess.grow();
            self.children.push(child);
            self.children.len() - 1
        });
        self.children[place] = child;
        self.residents += 1;
        place
    }

    pub(super) fn leave(&mut self, place: usize) {
        self.heads.set(place, Turn::ABSENT);
        self.gone.set(place, Finish::ABSENT);
        self.excess.set(place, Excess::ABSENT);
        self.free.push(place);
        self.residents -= 1;
    }
}

impl Turn {
    /// When its head came.
    pub(super) const fn arrival(self) -> u64 {
        self.1
    }

    pub(super) const fn claims(self) -> bool {
        self.0 & NOT_CLAIMING == 0
    }
}

impl Key for Turn {
    const ABSENT: Self = Self(u128::MAX, u64::MAX);
}

impl Key for Finish {
    const ABSENT: Self = Self(u128::MAX);
}

impl Key for Excess {
    const ABSENT: Self = Self(u128::MAX);
}

impl Excess {
    pub(super) const fn value(self) -> u128 {
        !self.0
    }
}

/// Cost over weight in units of 2⁻³².
pub(super) fn scaled(cost: u128, weight: u32) -> u128 {
    (cost << 32) / u128::from(weight.max(1))
}

const NOT_CLAIMING: u128 = 1 << 127;

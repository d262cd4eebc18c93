//! One tenant's line: first come, first served within eight priority classes.
//!
//! A class is a head start: of the oldest of each class the one goes first for whom `arrival + class × aging` is least. So everyone's turn
//! comes in the end, and no clock has to promote anybody. The classes are RFC 9218's urgencies, 0 (most urgent) to 7.

use std::time::Duration;

use super::{
    codel::Codel,
    waiters::{List, Waiters},
};
use crate::{config::QueueOrder, time::Time};

/// Those of one tenant who wait.
#[derive(Debug)]
pub(super) struct Line {
    classes: [List; CLASSES],
    /// A bit for each class in which somebody waits.
    present: u8,
    /// Made when it is first asked.
    codel: Option<Box<Codel>>,
}

/// In which order a line is served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Discipline {
    pub(super) order: QueueOrder,
    pub(super) aging: Duration,
    pub(super) now: Time,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { classes: [List::EMPTY; CLASSES], present: 0, codel: None }
    }

    /// The list of a class, and who changed it to come back with [`note`](Self::note).
    pub(super) fn class_mut(&mut self, class: u8) -> &mut List {
        &mut self.classes[usize::from(class)]
    }

    /// Sees whether somebody waits in a class after it changed.
    pub(super) fn note(&mut self, class: u8) {
        let bit = 1 << class;
        if self.classes[usize::from(class)].is_empty() {
            self.present &= !bit;
        } else {
            self.present |= bit;
        }
    }

    /// Whose turn it is.
    ///
    /// Adaptive LIFO (Facebook, "Fail at Scale", 2015): while somebody has waited above [`STANDING`], the newest of the class goes first:
    /// with too much to do, those who have just come still have a caller who listens.
    pub(super) fn next(&self, waiters: &Waiters, discipline: &Discipline) -> Option<u32> {
        let rank = |class: u8| {
            let head = waiters.get(self.classes[usize::from(class)].first);
            (head.joined + discipline.aging * u32::from(class), head.arrival)
        };
        let class = self.only().or_else(|| self.present_classes().min_by_key(|&class| rank(class)))?;
        let list = self.classes[usize::from(class)];
        let standing = || discipline.now.since(waiters.get(list.first).joined) > STANDING;
        let newest_first = discipline.order == QueueOrder::AdaptiveLifo && standing();
        Some(if newest_first { list.last } else { list.first })
    }

    pub(super) fn codel(&mut self) -> &mut Codel {
        self.codel.get_or_insert_default()
    }

    /// Who has waited longest.
    pub(super) fn oldest(&self, waiters: &Waiters) -> Option<u32> {
        let firsts = self.present_classes().map(|class| self.classes[usize::from(class)].first);
        firsts.min_by_key(|&id| waiters.get(id).arrival)
    }

    /// Who can best be spared: the newest of the least urgent.
    pub(super) fn last(&self) -> Option<(u8, u32)> {
        let class = self.present.checked_ilog2()?;
        let class = u8::try_from(class).expect("there are eight");
        Some((class, self.classes[usize::from(class)].last))
    }

    /// Whether everyone here goes before a newcomer of this class.
    pub(super) fn all_before(&self, class: u8) -> bool {
        self.present_classes().all(|other| other <= class)
    }

    fn only(&self) -> Option<u8> {
        (self.present.count_ones() == 1)
            .then(|| u8::try_from(self.present.trailing_zeros()).expect("there are eight"))
    }

    fn present_classes(&self) -> impl Iterator<Item = u8> {
        let present = self.present;
        (0..8).filter(move |class| present & (1 << class) != 0)
    }
}

pub(super) const CLASSES: usize = 8;

/// Facebook's figure: a queue that has not been empty for so long is a standing one.
const STANDING: Duration = Duration::from_millis(100);

//! The least key of a changing set, by place: a tournament tree of fan-out 8.
//!
//! Source: Knuth, The Art of Computer Programming, volume 3, §5.4.1. *Where we differ*: a match has eight players, whose keys lie
//! side by side; a change climbs only as far as it changes who wins, so most changes touch one or two levels.

/// A key, and what stands for none: greater than every real one.
pub(super) trait Key: Copy + Ord {
    const ABSENT: Self;
}

/// Keys by place, and the place of the least.
#[derive(Debug)]
pub(super) struct Tournament<K> {
    keys: Vec<K>,
    /// By level from the bottom: who wins each group of eight of the level below.
    winners: Vec<Vec<Winner<K>>>,
}

#[derive(Clone, Copy, Debug)]
struct Winner<K> {
    key: K,
    place: usize,
}

impl<K: Key> Tournament<K> {
    pub(super) const fn new() -> Self {
        Self { keys: vec![], winners: vec![] }
    }

    /// One place more, without a key.
    pub(super) fn grow(&mut self) {
        self.keys.push(K::ABSENT);
        let mut players = self.keys.len();
        let mut level = 0;
        while players > 1 || level == 0 {
            let groups = players.div_ceil(FAN);
            if level == self.winners.len() {
                // A new top: the one below has just got its second group, and the winner of the first stands as it is.
                let first =
                    self.winners.last().map_or(Winner { key: self.keys[0], place: 0 }, |below| below[0]);
                self.winners.push(vec![first]);
            }
            if groups > self.winners[level].len() {
                self.winners[level].push(Winner { key: K::ABSENT, place: self.keys.len() - 1 });
            }
            players = groups;
            level += 1;
        }
    }

    /// The place of the least key, and the key; `None` when there is no key.
    pub(super) fn least(&self) -> Option<(usize, K)> {
        let winner = self.winners.last()?.first()?;
        (winner.key != K::ABSENT).then_some((winner.place, winner.key))
    }

    /// Changes the key of a place.
    pub(super) fn set(&mut self, place: usize, key: K) {
        if self.keys[place] == key {
            return;
        }
        self.keys[place] = key;
        let mut player = Winner { key, place };
        let mut group = place;
        for level in 0..self.winners.len() {
            group /= FAN;
            let held = self.winners[level][group];
            let next = if player.key < held.key {
                player
            } else if held.place == place {
                self.winner_of(level, group)
            } else {
                return;
            };
            if next.place == held.place && next.key == held.key {
                return;
            }
            self.winners[level][group] = next;
            player = next;
        }
    }

    /// Plays a group again.
    fn winner_of(&self, level: usize, group: usize) -> Winner<K> {
        let (from, upto) = (group * FAN, group * FAN + FAN);
        if level == 0 {
            let keys = &self.keys[from..upto.min(self.keys.len())];
            let best = keys.iter().enumerate().min_by_key(|&(_, key)| *key).expect("a group has a player");
            return Winner { key: *best.1, place: from + best.0 };
        }
        let below = &self.winners[level - 1];
        *below[from..upto.min(below.len())]
            .iter()
            .min_by_key(|winner| winner.key)
            .expect("a group has a player")
    }
}

const FAN: usize = 8;

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Key for u32 {
        const ABSENT: Self = Self::MAX;
    }

    proptest! {
        #[test]
        fn the_least_is_what_a_scan_finds(changes in prop::collection::vec((0_usize..700, 0_u32..60, any::<bool>()), 1..400)) {
            let mut tournament = Tournament::new();
            let mut keys: Vec<u32> = vec![];
            for (place, key, present) in changes {
                while keys.len() <= place {
                    keys.push(u32::ABSENT);
                    tournament.grow();
                }
                keys[place] = if present { key } else { u32::ABSENT };
                tournament.set(place, keys[place]);
                let least = keys.iter().copied().min().filter(|&key| key != u32::ABSENT);
                let found = tournament.least();
                prop_assert_eq!(found.map(|(_, key)| key), least);
                prop_assert!(found.is_none_or(|(place, key)| keys[place] == key));
            }
        }
    }
}

//! Endpoints that a request does not want: those where its earlier attempts went.

/// Their addresses, and what becomes of the request where nobody else is usable.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Avoided<'a> {
    /// It has been nowhere yet.
    #[default]
    Nobody,
    /// As the request says it.
    Asked(&'a [&'a str], Otherwise),
    /// As it is kept while it waits.
    Kept(&'a [Box<str>], Otherwise),
}

/// What becomes of a request for which only avoided endpoints are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// They serve it.
    Serve,
    /// It is refused.
    Refuse,
}

/// The same while the request waits.
#[derive(Debug, Default)]
pub(crate) struct KeptAvoided(Option<(Box<[Box<str>]>, Otherwise)>);

impl<'a> Avoided<'a> {
    /// What a request says; an empty list is nobody.
    #[inline]
    pub(crate) const fn new(addresses: &'a [&'a str], otherwise: Otherwise) -> Self {
        if addresses.is_empty() { Self::Nobody } else { Self::Asked(addresses, otherwise) }
    }

    #[inline]
    pub(crate) const fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody)
    }

    /// Whether avoided endpoints may not serve it even where nobody else is usable.
    pub(crate) const fn is_strict(&self) -> bool {
        matches!(self, Self::Asked(_, Otherwise::Refuse) | Self::Kept(_, Otherwise::Refuse))
    }

    /// Whether this endpoint is among them.
    #[inline]
    pub(crate) fn has(&self, address: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Asked(addresses, _) => addresses.contains(&address),
            Self::Kept(addresses, _) => addresses.iter().any(|avoided| **avoided == *address),
        }
    }

    /// To be kept.
    pub(crate) fn kept(&self) -> KeptAvoided {
        KeptAvoided(match self {
            Self::Nobody => None,
            Self::Asked(addresses, otherwise) => {
                Some((addresses.iter().copied().map(Box::from).collect(), *otherwise))
            }
            Self::Kept(addresses, otherwise) => Some((Box::from(*addresses), *otherwise)),
        })
    }
}

impl KeptAvoided {
    /// As a pick sees it.
    pub(crate) fn shown(&self) -> Avoided<'_> {
        match &self.0 {
            None => Avoided::Nobody,
            Some((addresses, otherwise)) => Avoided::Kept(addresses, *otherwise),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use proptest::{collection::btree_set, prelude::*};

    use super::{
        super::{
            Candidates,
            contract::{address, eject, members, picks_of, strategies},
        },
        *,
    };
    use crate::{ewma::decay_rate, health::Scrutiny, time::Time};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn no_strategy_picks_the_avoided_and_every_one_reaches_all_others(
            avoided in btree_set(0_u32..6, 0..=6), ejected in btree_set(0_u32..6, 0..=6),
            few in prop::option::of(btree_set(0_u32..6, 1..=6)), kept: bool,
        ) {
            let addresses: Vec<String> = avoided.iter().map(|&index| address(index as usize)).collect();
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let asked = Avoided::new(&addresses, Otherwise::Serve);
            let memory = asked.kept();
            let places: Option<Vec<u32>> = few.map(|few| few.into_iter().collect());
            let shown = places.clone().unwrap_or_else(|| (0..6).collect());
            let is_left = |place: &u32| !avoided.contains(place) && !ejected.contains(place);
            let left: BTreeSet<usize> = (0..shown.len()).filter(|&index| is_left(&shown[index])).collect();
            for strategy in strategies(&[1; 6]) {
                let members = members(&[1; 6]);
                ejected.iter().for_each(|&index| eject(&members[index as usize]));
                let candidates = Candidates::new(&members, Scrutiny::Health, decay_rate(Duration::from_secs(10)), Time::ZERO)
                    .among(places.as_deref())
                    .without(if kept { memory.shown() } else { asked });
                let picks = picks_of(&strategy, candidates, 600);
                let reached: BTreeSet<usize> = picks.iter().copied().flatten().collect();
                prop_assert_eq!(&reached, &left, "{:?}", strategy);
                prop_assert!(left.is_empty() || picks.iter().all(Option::is_some), "{:?}", strategy);
            }
        }
    }
}

//! What is remembered of one client or tenant.

use std::time::Duration;

use tenantry::Time;

use super::{
    Ban, Example, GuardPolicy, Mode, Rule, Subject,
    bucket::{Breach, Bucket},
    distinct::Distinct,
    known::Known,
    offence::Offence,
    pace::{Pace, Surge},
};

/// Without I/O and without a clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// By [`Rule::index`]; that of [`Rule::Enumeration`] stays empty.
    buckets: [Bucket; 4],
    distinct: Distinct,
    pace: Pace,
    known: Known,
    standing: Option<Standing>,
    bans: Row,
    /// What would have been, by rules that are only told: apart, or a rule on trial would make real bans longer.
    shadow_bans: Row,
    /// The last of what counted, at most [`SHOWN`].
    examples: Vec<Example>,
    touched: Time,
}

/// Bans in a row, and since when peace would make them fewer: the end of the last.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    bans: u32,
    peace_since: Time,
}

impl Row {
    /// One more, after those that are forgiven: for how long, and how many there are now.
    fn add(&mut self, policy: &GuardPolicy, now: Time) -> (Duration, u32) {
        // One ban less for each stretch of peace.
        let stretches = now.since(self.peace_since).as_nanos() / policy.forgiveness.as_nanos().max(1);
        self.bans = self.bans.saturating_sub(u32::try_from(stretches).unwrap_or(u32::MAX));
        let ban = length(self.bans, policy);
        self.bans = self.bans.saturating_add(1);
        self.peace_since = now + ban;
        (ban, self.bans)
    }
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    rule: Option<Rule>,
    until: Time,
    refused: u64,
}

/// What a breach comes to.
#[derive(Clone, Debug)]
pub(super) struct Sentence {
    pub(super) rule: Rule,
    pub(super) mode: Mode,
    pub(super) breach: Breach,
    pub(super) ban: Duration,
    pub(super) bans: u32,
    pub(super) examples: Vec<Example>,
}

impl Sentence {
    /// Whether it is more than told.
    pub(super) fn is_enforced(&self) -> bool {
        self.mode == Mode::Enforce
    }
}

/// By what a record is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) policy: &'a GuardPolicy,
    /// The most that may become of it.
    pub(super) most: Mode,
    pub(super) now: Time,
}

impl Record {
    pub(super) fn touch(&mut self, now: Time) {
        self.touched = self.touched.max(now);
    }

    /// For how long it is banned yet.
    pub(super) fn remaining(&self, now: Time) -> Option<Duration> {
        let remaining = self.standing.map(|standing| standing.until.since(now))?;
        (!remaining.is_zero()).then_some(remaining)
    }

    /// Whether it may go on; a request that may not is counted.
    pub(super) fn admit(&mut self, now: Time) -> Result<(), Duration> {
        let Some(remaining) = self.remaining(now) else { return Ok(()) };
        if let Some(standing) = &mut self.standing {
            standing.refused += 1;
        }
        Err(remaining)
    }

    /// Whether a ban by rules leaves somebody in peace there.
    pub(super) fn spares_somebody(&self, now: Time) -> bool {
        self.known.has_some(now) && !self.is_by_operator(now)
    }

    /// Whether it is banned by an operator's word.
    pub(super) fn is_by_operator(&self, now: Time) -> bool {
        self.standing.is_some_and(|standing| standing.rule.is_none() && standing.until > now)
    }

    /// Ends a ban for want of room. What led to it is remembered: the next one is longer.
    pub(super) fn release(&mut self) {
        self.standing = None;
    }

    pub(super) fn known(&mut self) -> &mut Known {
        &mut self.known
    }

    /// Counts an offence by each rule that it is against; `guess` is the hash of whom it named.
    pub(super) fn charge(&mut self, offence: Offence, guess: Option<u64>, terms: Terms<'_>) -> Vec<Sentence> {
        let mut sentences = vec![];
        let rules = [(offence.rule, None), (Rule::Enumeration, guess.filter(|_| offence.is_guess))];
        for (rule, id) in rules {
            let is_meant = rule != Rule::Enumeration || id.is_some();
            let spec = terms.policy.rule(rule).filter(|spec| is_meant && spec.mode != Mode::Off);
            let Some(spec) = spec else { continue };
            let breach = match id {
                Some(id) => self.distinct.add(id, spec, terms.now),
                None => self.buckets[rule.index()].add(offence.weight, spec, terms.now),
            };
            sentences.extend(breach.map(|breach| self.sentence(rule, spec.mode, breach, terms)));
        }
        sentences
    }

    /// Counts a request of a tenant against the tenant's own history.
    pub(super) fn pace(&mut self, terms: Terms<'_>) -> Option<Sentence> {
        let surge = &terms.policy.surge;
        if surge.mode == Mode::Off {
            return None;
        }
        let Surge { rate, .. } = self.pace.tick(surge, terms.now)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it saturates, and no rate is negative"
        )]
        let breach = Breach { count: rate.round() as u32, over: surge.fast };
        Some(self.sentence(Rule::Rate, surge.mode, breach, terms))
    }

    pub(super) fn show(&mut self, example: Example) {
        if self.examples.len() == SHOWN {
            self.examples.remove(0);
        }
        self.examples.push(example);
    }

    fn sentence(&mut self, rule: Rule, mode: Mode, breach: Breach, terms: Terms<'_>) -> Sentence {
        let Terms { policy, most, now } = terms;
        let mode = mode.min(most);
        let is_enforced = mode == Mode::Enforce;
        let row = if is_enforced { &mut self.bans } else { &mut self.shadow_bans };
        let (ban, bans) = row.add(policy, now);
        if is_enforced {
            self.ban(Some(rule), ban, now);
        }
        Sentence { rule, mode, breach, ban, bans, examples: self.examples.clone() }
    }

    /// Bans it; a ban that would end later stays.
    pub(super) fn ban(&mut self, rule: Option<Rule>, time: Duration, now: Time) {
        let until = now + time;
        let before = self.standing.filter(|standing| standing.until > now);
        let refused = before.map_or(0, |standing| standing.refused);
        if before.is_none_or(|standing| standing.until < until) {
            self.standing = Some(Standing { rule, until, refused });
        }
    }

    /// Ends a ban and forgets all that led to it. Whether there was one.
    pub(super) fn pardon(&mut self, now: Time) -> bool {
        let is_banned = self.remaining(now).is_some();
        let (known, pace) = (std::mem::take(&mut self.known), self.pace);
        *self = Self { known, pace, touched: self.touched, ..Self::default() };
        is_banned
    }

    pub(super) fn listed(&self, subject: Subject, now: Time) -> Option<Ban> {
        let (remaining, standing) = (self.remaining(now)?, self.standing?);
        let Standing { rule, refused, .. } = standing;
        Some(Ban { subject, rule, remaining, bans: self.bans.bans, refused })
    }

    /// How much would be lost with it: who is near a ban stays before those who are not, then who has had some, then who came last. `None`: it is banned, and stays.
    pub(super) fn worth(&self, now: Time) -> Option<(Duration, u32, Time)> {
        if self.remaining(now).is_some() {
            return None;
        }
        let level = self.buckets.iter().map(|bucket| bucket.level(now)).max().unwrap_or_default();
        Some((level, self.bans.bans, self.touched))
    }
}

/// The first, doubled for each before it, up to the longest.
fn length(before: u32, policy: &GuardPolicy) -> Duration {
    let times = 1u32.checked_shl(before).unwrap_or(u32::MAX);
    policy.first_ban.checked_mul(times).map_or(policy.longest_ban, |ban| ban.min(policy.longest_ban))
}

/// How many examples are kept.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::guard::RuleSpec;

    fn policy() -> GuardPolicy {
        GuardPolicy::new().with_bans(Duration::from_secs(60), Duration::from_secs(600))
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn scan() -> Offence {
        Offence { rule: Rule::Scanning, weight: 10, is_guess: false, code: "NO_ROUTE" }
    }

    /// Offends until something comes of it.
    fn offend(record: &mut Record, policy: &GuardPolicy, most: Mode, now: Time) -> Sentence {
        let terms = Terms { policy, most, now };
        let found = (0..1_000).find_map(|_| record.charge(scan(), None, terms).pop());
        found.expect("a breach")
    }

    #[test]
    fn bans_double_up_to_the_longest_and_are_forgotten_in_peace() {
        let (policy, mut record, mut now) = (policy(), Record::default(), at(1));
        for seconds in [60, 120, 240, 480, 600, 600] {
            let sentence = offend(&mut record, &policy, Mode::Enforce, now);
            assert_eq!(sentence.ban, Duration::from_secs(seconds));
            assert_eq!(record.admit(now), Err(sentence.ban));
            now = now + sentence.ban;
            assert_eq!(record.admit(now), Ok(()), "a ban ends");
        }
        // Six bans so far; three hours of peace forgive three.
        now = now + Duration::from_secs(3 * 3_600);
        assert_eq!(offend(&mut record, &policy, Mode::Enforce, now).ban, Duration::from_secs(480));
        now = now + Duration::from_secs(100 * 3_600);
        assert_eq!(offend(&mut record, &policy, Mode::Enforce, now).ban, Duration::from_secs(60));
    }

    #[test]
    fn a_shadow_says_what_would_be_and_bans_nobody() {
        let (policy, mut record) = (policy(), Record::default());
        let first = offend(&mut record, &policy, Mode::Shadow, at(1));
        assert_eq!((first.mode, first.ban), (Mode::Shadow, Duration::from_secs(60)));
        assert_eq!(record.admit(at(1)), Ok(()));
        let off = RuleSpec::new(NonZeroU32::MIN, Duration::from_secs(1)).with_mode(Mode::Off);
        let policy = policy.with_rule(Rule::Scanning, off);
        let terms = Terms { policy: &policy, most: Mode::Enforce, now: at(2) };
        assert!(record.charge(scan(), None, terms).is_empty());
    }

    #[test]
    fn what_a_shadow_counts_makes_no_ban_longer_and_the_other_way_round() {
        let (policy, mut record) = (policy(), Record::default());
        for (round, seconds) in [60, 120, 240].into_iter().enumerate() {
            let told = offend(&mut record, &policy, Mode::Shadow, at(1));
            assert_eq!((told.ban, told.bans as usize), (Duration::from_secs(seconds), round + 1));
        }
        let first = offend(&mut record, &policy, Mode::Enforce, at(1));
        assert_eq!((first.ban, first.bans), (Duration::from_secs(60), 1));
        assert_eq!(offend(&mut record, &policy, Mode::Shadow, at(1)).bans, 4);
        assert_eq!(record.listed(Subject::tenant("acme"), at(1)).map(|ban| ban.bans), Some(1));
    }

    #[test]
    fn a_pardon_forgets_and_a_longer_ban_stays() {
        let (policy, mut record) = (policy(), Record::default());
        record.known().remember(7, 1, at(0));
        record.ban(None, Duration::from_secs(1_000), at(0));
        offend(&mut record, &policy, Mode::Enforce, at(1));
        assert_eq!(record.remaining(at(1)), Some(Duration::from_secs(999)));
        assert!(record.pardon(at(1)) && !record.pardon(at(1)));
        assert_eq!(record.admit(at(1)), Ok(()));
        assert!(record.known().touch(7, at(1)));
        assert_eq!(offend(&mut record, &policy, Mode::Enforce, at(2)).bans, 1);
    }
}

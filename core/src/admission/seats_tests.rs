use proptest::prelude::*;

use super::*;

fn turn_of(taken: Option<Taken>) -> Option<u32> {
    taken.map(|taken| taken.turn())
}

fn is_open(seats: &Seats) -> bool {
    seats.word.load(Ordering::Relaxed) & OPEN != 0
}

#[test]
fn turns_count_up_and_wrap_without_touching_the_taken() {
    let seats = Seats::new(2);
    seats.word.store(0xffff_fffe << 32, Ordering::Relaxed);
    assert_eq!(turn_of(seats.try_take(1)), Some(u32::MAX - 1));
    assert_eq!(turn_of(seats.try_take(1)), Some(u32::MAX));
    assert_eq!((seats.try_take(1), seats.taken()), (None, 2));
    seats.give_back(1);
    assert_eq!((turn_of(seats.try_take(1)), seats.taken()), (Some(0), 2));
}

#[test]
fn a_shrunken_capacity_admits_nobody_until_it_holds() {
    for capacity in [3, 300] {
        let seats = Seats::new(capacity);
        for _ in 0..3 {
            assert!(seats.try_take(1).is_some());
        }
        seats.set_capacity(0, 1);
        seats.give_back(1);
        seats.give_back(1);
        assert_eq!(seats.try_take(1), None);
        seats.give_back(1);
        assert!(seats.try_take(1).is_some());
    }
}

#[test]
fn a_rule_that_is_no_longer_in_force_sets_nothing() {
    let seats = Seats::new(5);
    seats.set_capacity(1, 2);
    seats.set_capacity(0, 99);
    assert_eq!(seats.capacity(), 2);
    seats.set_capacity(1, 3);
    assert_eq!(seats.capacity(), 3);
}

#[test]
fn a_wide_request_takes_all_its_seats_or_none() {
    let seats = Seats::new(5);
    assert_eq!(seats.try_take(3), Some(Taken::new(0, 3)));
    assert_eq!((seats.try_take(3), seats.taken()), (None, 3));
    assert_eq!(seats.try_take(2), Some(Taken::new(1, 2)));
    seats.give_back(3);
    assert_eq!(seats.taken(), 2);
}

#[test]
fn wider_than_the_capacity_runs_alone_and_counts_as_the_capacity() {
    for capacity in [5, 500] {
        let seats = Seats::new(capacity);
        assert!(seats.try_take(1).is_some());
        assert_eq!(seats.try_take(1_000), None, "somebody is in");
        seats.give_back(1);
        assert_eq!(seats.try_take(1_000), Some(Taken::new(1, capacity)));
        assert_eq!(seats.try_take(1), None);
        seats.give_back(capacity);
        assert_eq!(seats.taken(), 0);
    }
    assert_eq!(Seats::new(0).try_take(7), None, "nothing fits into nothing");
}

#[test]
fn away_from_the_capacity_the_word_is_not_written() {
    let seats = Seats::new(1_000);
    for _ in 0..2 {
        assert!(seats.try_take(1).is_some());
        seats.give_back(1);
    }
    let before = seats.word.load(Ordering::Relaxed);
    for _ in 0..BLOCK - 1 {
        assert!(seats.try_take(1).is_some());
        seats.give_back(1);
    }
    assert_eq!((seats.word.load(Ordering::Relaxed), seats.taken()), (before, 0));
}

#[test]
fn whoever_waits_finds_every_kept_seat_in_the_word() {
    let seats = Seats::new(1_000);
    for _ in 0..400 {
        assert!(seats.try_take(1).is_some());
    }
    for stripe in &seats.stripes {
        for _ in 0..50 {
            assert!(!seats.give_back_at(&stripe.0, 1));
        }
    }
    assert!(is_open(&seats) && taken(seats.word.load(Ordering::Relaxed)) > 200);
    seats.set_queued(true);
    assert_eq!((is_open(&seats), seats.taken()), (false, 0));
    assert!(seats.try_take_for_waiter(1_000).is_some());
    assert!(seats.give_back(1_000) && seats.try_take(1).is_none(), "somebody waits");
    seats.set_queued(false);
    assert!(seats.try_take(1).is_some());
}

#[derive(Clone, Debug)]
enum Step {
    Take(usize, u32),
    GiveBack(usize, usize),
    Resize(u32),
    Queued(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let width = prop_oneof![8 => 1..3_u32, 1 => 3..200_u32];
    let capacity = prop_oneof![0..40_u32, 64..400_u32];
    let step = prop_oneof![
        12 => (0..STRIPES, width).prop_map(|(stripe, width)| Step::Take(stripe, width)),
        10 => (0..STRIPES, any::<usize>()).prop_map(|(stripe, which)| Step::GiveBack(stripe, which)),
        1 => capacity.prop_map(Step::Resize),
        1 => any::<bool>().prop_map(Step::Queued),
    ];
    prop::collection::vec(step, 0..1_500)
}

/// What seats promise, without stripes.
struct Plain {
    capacity: u32,
    queued: bool,
    held: Vec<Taken>,
}

impl Plain {
    fn taken(&self) -> u32 {
        self.held.iter().map(|taken| taken.width()).sum()
    }

    /// As how wide a request must get in.
    fn admits(&self, width: u32) -> Option<u32> {
        let width = width.min(self.capacity);
        let free = self.capacity.saturating_sub(self.taken());
        (!self.queued && width > 0 && width <= free).then_some(width)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// From whatever stripes it is used, it admits exactly whom one exact count admits, and no two with one number.
    #[test]
    fn stripes_change_no_answer(capacity in 1..400_u32, steps in steps()) {
        let seats = Seats::new(capacity);
        let mut plain = Plain { capacity, queued: false, held: vec![] };
        let mut turns = vec![];
        for step in steps {
            match step {
                Step::Take(stripe, width) => {
                    let taken = seats.take_at(&seats.stripes[stripe].0, width);
                    prop_assert_eq!(taken.map(|taken| taken.width()), plain.admits(width));
                    turns.extend(turn_of(taken));
                    plain.held.extend(taken);
                }
                Step::GiveBack(stripe, which) if !plain.held.is_empty() => {
                    let taken = plain.held.swap_remove(which % plain.held.len());
                    let told = seats.give_back_at(&seats.stripes[stripe].0, taken.width());
                    prop_assert_eq!(told, plain.queued);
                }
                Step::GiveBack(..) => {}
                Step::Resize(capacity) => {
                    prop_assert_eq!(seats.set_capacity(0, capacity), plain.queued);
                    plain.capacity = capacity;
                }
                Step::Queued(queued) => {
                    seats.set_queued(queued);
                    plain.queued = queued;
                }
            }
            prop_assert_eq!(seats.taken(), plain.taken());
        }
        let count = turns.len();
        turns.sort_unstable();
        turns.dedup();
        prop_assert_eq!(turns.len(), count);
    }

    /// One thread alone counts without a gap, whether stripes open, close or stay shut.
    #[test]
    fn one_stripe_alone_counts_without_a_gap(capacity in 1..400_u32, steps in steps()) {
        let seats = Seats::new(capacity);
        let (mut held, mut next) = (vec![], 0);
        for step in steps {
            match step {
                Step::Take(_, width) => {
                    if let Some(taken) = seats.take_at(&seats.stripes[3].0, width) {
                        prop_assert_eq!(taken.turn(), next);
                        next += 1;
                        held.push(taken);
                    }
                }
                Step::GiveBack(_, which) if !held.is_empty() => {
                    let taken = held.swap_remove(which % held.len());
                    seats.give_back_at(&seats.stripes[3].0, taken.width());
                }
                Step::GiveBack(..) => {}
                Step::Resize(capacity) => drop(seats.set_capacity(0, capacity)),
                Step::Queued(queued) => seats.set_queued(queued),
            }
        }
    }
}

//! What stands behind an endpoint, in whatever state.

use std::time::Duration;

use tenantry::{FailureCause, Outcome};

use super::dice::Dice;

/// The state of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Server {
    #[default]
    Well,
    /// No connection.
    Down,
    /// No answer.
    Silent,
    /// So many of a hundred requests fail.
    Failing(u64),
    /// So many times as long.
    Slow(u32),
    /// It has too much to do, and says when to come back: up to so many milliseconds.
    Overloaded(u64),
}

impl Server {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::Down,
            1 => Self::Silent,
            2 => Self::Failing(1 + dice.below(100)),
            3 => Self::Slow(2 + dice.small(40)),
            4 => Self::Overloaded(1 + dice.below(30_000)),
            _ => Self::Well,
        }
    }

    /// After how long a request ends, and how.
    pub(super) fn answer(self, dice: &mut Dice) -> (Duration, Outcome) {
        let usual = Duration::from_millis(5 + dice.below(10));
        let failure = |cause| Outcome::failure().with_cause(cause);
        match self {
            Self::Well => (usual, Outcome::success().with_latency(usual)),
            Self::Down => (Duration::from_micros(100), failure(FailureCause::Connection)),
            // Some clients wait longer than others, and some go.
            Self::Silent if dice.one_in(3) => (Duration::from_millis(500), Outcome::cancelled()),
            Self::Silent => (Duration::from_secs(1), failure(FailureCause::Timeout)),
            Self::Failing(share) if dice.below(100) < share => (usual, failure(FailureCause::Application)),
            Self::Failing(_) => (usual, Outcome::success().with_latency(usual)),
            Self::Slow(times) => (usual * times, Outcome::success().with_latency(usual * times)),
            Self::Overloaded(most) => {
                let asked = Outcome::overload().with_retry_after(Duration::from_millis(dice.below(most)));
                (Duration::from_millis(1), if dice.one_in(4) { Outcome::overload() } else { asked })
            }
        }
    }

    /// Whether its health check passes.
    pub(super) const fn passes(self) -> bool {
        !matches!(self, Self::Down | Self::Silent)
    }
}

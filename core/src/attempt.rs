//! Which attempt at a piece of work a request is.

/// The first attempt, or another one at the same work. What is not the first is paid for by the budget of its tenant in its pool.
///
/// ```
/// use tenantry::Attempt;
///
/// assert_eq!(Attempt::Hedge.name(), "hedge");
/// assert_eq!(Attempt::from_name("retry"), Some(Attempt::Retry));
/// assert_eq!(Attempt::from_name("third"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Attempt {
    /// It has not been tried before.
    #[default]
    First,
    /// An attempt before it has failed.
    Retry,
    /// An attempt before it is still under way, and takes long.
    Hedge,
}

/// An attempt that is not the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Retry,
    Hedge,
}

impl Attempt {
    /// As the other languages write it: `"first"`, `"retry"`, `"hedge"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retry => "retry",
            Self::Hedge => "hedge",
        }
    }

    /// The attempt of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::First, Self::Retry, Self::Hedge].into_iter().find(|attempt| attempt.name() == name)
    }

    pub(crate) const fn again(self) -> Option<Again> {
        match self {
            Self::First => None,
            Self::Retry => Some(Again::Retry),
            Self::Hedge => Some(Again::Hedge),
        }
    }
}

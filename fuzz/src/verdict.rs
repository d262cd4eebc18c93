//! What a decision may answer and what it must.

use std::time::Duration;

use tenantry::Rejection;

/// Reasons to refuse, as far as the model knows them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    possible: Vec<&'static str>,
    certain: bool,
    /// How long a rate refuses: at least, at most.
    pub(crate) wait: (Duration, Duration),
}

impl Verdict {
    /// It must be refused, for this reason or another.
    pub(crate) fn must(&mut self, code: &'static str) {
        self.certain = true;
        self.possible.push(code);
    }

    /// It may be refused for this reason.
    pub(crate) fn may(&mut self, code: &'static str) {
        self.possible.push(code);
    }

    pub(crate) const fn must_refuse(&self) -> bool {
        self.certain
    }

    pub(crate) const fn may_refuse(&self) -> bool {
        !self.possible.is_empty()
    }

    /// The answer was a lease.
    pub(crate) fn check_admitted(&self, what: &str) {
        assert!(!self.certain, "{what} was admitted against {:?}", self.possible);
    }

    /// The answer was a rejection.
    pub(crate) fn check_refused(&self, rejection: Rejection, what: &str) {
        let code = rejection.code();
        assert!(
            self.possible.contains(&code),
            "{what} was refused: {rejection:?}; possible: {:?}",
            self.possible
        );
        if let Rejection::RateLimited { retry_after } = rejection {
            let (least, most) = self.wait;
            assert!(
                least <= retry_after && retry_after <= most,
                "{what}: {retry_after:?} is not in {least:?}..={most:?}"
            );
            assert!(retry_after > Duration::ZERO, "{what}: come back at once?");
        }
    }
}

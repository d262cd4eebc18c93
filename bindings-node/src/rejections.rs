//! Rejections as small integers and one figure: JavaScript keeps what is the same for all of a kind.

use std::{
    cell::RefCell,
    mem::{Discriminant, discriminant},
    time::Duration,
};

use tenantry::Rejection;

thread_local! {
    /// The kinds of rejection seen on this thread, numbered as they came. So a kind that the core adds needs nothing here.
    static SEEN: RefCell<Vec<(Discriminant<Rejection>, Rejection)>> = const { RefCell::new(Vec::new()) };
}

/// Which figure a kind of rejection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    None,
    RetryAfter,
    Limit,
}

/// The number of the kind of a rejection.
pub(crate) fn number(rejection: Rejection) -> usize {
    let kind = discriminant(&rejection);
    SEEN.with_borrow_mut(|seen| {
        seen.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            seen.push((kind, rejection));
            seen.len() - 1
        })
    })
}

/// A rejection of the kind of this number, with the figure that its first one had.
pub(crate) fn example(number: usize) -> Option<Rejection> {
    SEEN.with_borrow(|seen| seen.get(number).map(|(_, rejection)| *rejection))
}

/// The figure: nanoseconds to wait (NaN: one of a kind that mostly knows them does not), or a limit. Exact to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "JavaScript has no other numbers")]
pub(crate) fn figure(rejection: &Rejection) -> (Figure, f64) {
    match *rejection {
        Rejection::CostTooHigh { limit } => (Figure::Limit, limit as f64),
        Rejection::TooManyInFlight { limit } => (Figure::Limit, f64::from(limit)),
        Rejection::RetryBudgetExhausted { retry_after: None }
        | Rejection::HedgeBudgetExhausted { retry_after: None } => (Figure::RetryAfter, f64::NAN),
        _ => match rejection.retry_after() {
            Some(wait) => (Figure::RetryAfter, wait.as_nanos() as f64),
            None => (Figure::None, 0.0),
        },
    }
}

/// The same kind of rejection with another figure.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the figure came from here; others saturate"
)]
pub(crate) fn with_figure(rejection: Rejection, figure: f64) -> Rejection {
    match rejection {
        Rejection::CostTooHigh { .. } => Rejection::CostTooHigh { limit: figure as u64 },
        Rejection::TooManyInFlight { .. } => Rejection::TooManyInFlight { limit: figure as u32 },
        Rejection::RateLimited { .. } => {
            Rejection::RateLimited { retry_after: Duration::from_nanos(figure as u64) }
        }
        Rejection::BudgetExhausted { .. } => {
            Rejection::BudgetExhausted { retry_after: Duration::from_nanos(figure as u64) }
        }
        Rejection::UpstreamLimited { .. } => {
            Rejection::UpstreamLimited { retry_after: Duration::from_nanos(figure as u64) }
        }
        Rejection::WouldTimeOut { .. } => {
            Rejection::WouldTimeOut { retry_after: Duration::from_nanos(figure as u64) }
        }
        Rejection::RetryBudgetExhausted { .. } => {
            Rejection::RetryBudgetExhausted { retry_after: known(figure) }
        }
        Rejection::HedgeBudgetExhausted { .. } => {
            Rejection::HedgeBudgetExhausted { retry_after: known(figure) }
        }
        other => other,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the figure came from here")]
fn known(figure: f64) -> Option<Duration> {
    (!figure.is_nan()).then(|| Duration::from_nanos(figure as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_comes_back_from_its_number_and_figure() {
        let all = [
            Rejection::RateLimited { retry_after: Duration::from_nanos(1_234_567) },
            Rejection::CostTooHigh { limit: 9 },
            Rejection::TooManyInFlight { limit: 3 },
            Rejection::Saturated,
            Rejection::WouldTimeOut { retry_after: Duration::from_nanos(7) },
            Rejection::BudgetExhausted { retry_after: Duration::from_nanos(8) },
            Rejection::UpstreamLimited { retry_after: Duration::from_nanos(9) },
            Rejection::TooManyInFlight { limit: 4 },
            Rejection::RetryBudgetExhausted { retry_after: None },
            Rejection::RetryBudgetExhausted { retry_after: Some(Duration::from_nanos(9)) },
            Rejection::HedgeBudgetExhausted { retry_after: None },
        ];
        for rejection in all {
            let kind = number(rejection);
            let example = example(kind).expect("it was just numbered");
            assert_eq!(with_figure(example, figure(&rejection).1), rejection);
        }
        assert!(example(8).is_some() && example(9).is_none());
    }
}

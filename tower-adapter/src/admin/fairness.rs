//! How evenly seats are shared by those who want more.

/// Jain's index of shares over weights: `(Σx)² ÷ (n·Σx²)`, from 1/n where one has everything to 1 where all have their part. `None` for fewer
/// than two, or where nobody has anything.
///
/// Source: Jain, Chiu, Hawe, *A Quantitative Measure of Fairness*, DEC-TR-301, 1984.
pub(super) fn jain(shares: &[f64]) -> Option<f64> {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
    let count = shares.len() as f64;
    (shares.len() > 1 && squares > 0.0).then(|| sum * sum / (count * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_are_1_and_one_of_four_with_everything_is_a_quarter() {
        assert_eq!(jain(&[3.0, 3.0, 3.0]), Some(1.0));
        assert_eq!(jain(&[8.0, 0.0, 0.0, 0.0]), Some(0.25));
        assert_eq!(jain(&[1.0, 2.0]), Some(0.9));
    }

    #[test]
    fn where_nobody_competes_or_is_served_there_is_none() {
        assert_eq!((jain(&[]), jain(&[1.0]), jain(&[0.0, 0.0])), (None, None, None));
    }
}

//! Fractions of things per request, rounded so that no request sees a fraction and the sum is exact.

/// What is left over from the requests before, in millionths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carry {
    millionths: u64,
}

impl Carry {
    /// The whole things that `requests` more bring, at this many millionths each.
    pub(super) const fn whole(&mut self, requests: u32, each: u32) -> u64 {
        let sum = self.millionths + requests as u64 * each as u64;
        self.millionths = sum % MILLION;
        sum / MILLION
    }
}

const MILLION: u64 = 1_000_000;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn fractions_add_up_and_are_spread_evenly() {
        let mut carry = Carry::default();
        let whole: Vec<u64> = (0..8).map(|_| carry.whole(1, 1_250_000)).collect();
        assert_eq!(whole, [1, 1, 1, 2, 1, 1, 1, 2]);
        assert_eq!((0..1_000_000).map(|_| carry.whole(1, 333_333)).sum::<u64>(), 333_333);
        assert_eq!(carry.whole(7, 3_000_000), 21);
    }
}

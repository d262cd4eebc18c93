//! Seeded randomness without state of its own.
//!
//! A draw is a hash of the balancer's seed and a number that no other draw shares (a seat's turn), so replays need only
//! the seed, threads share no generator, and a draw costs about 2 ns. The mixing function is the finaliser of
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).

/// 64 well-mixed bits for the `turn`-th event of the stream `seed`.
pub(crate) const fn draw(seed: u64, turn: u64) -> u64 {
    let mut z = seed.wrapping_add(turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The 32 bits of `half` scaled to `0..bound` (Lemire's multiply-shift; the bias is under bound / 2³²).
pub(crate) const fn below(half: u32, bound: u32) -> u32 {
    ((half as u64 * bound as u64) >> 32) as u32
}

/// Two different numbers below `bound`, which is at least 2, from one draw.
pub(crate) const fn two_below(draw: u64, bound: u32) -> (u32, u32) {
    let first = below((draw >> 32) as u32, bound);
    let second = below((draw & 0xffff_ffff) as u32, bound - 1);
    if second >= first { (first, second + 1) } else { (first, second) }
}

/// A hash of bytes that is the same in every process: for choices that all instances should make alike.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(bytes.len() as u64, |state, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        draw(state, u64::from_le_bytes(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ_and_are_uniform() {
        let mut seen = [[0_u32; 5]; 5];
        for turn in 0..200_000 {
            let (a, b) = two_below(draw(7, turn), 5);
            assert_ne!(a, b);
            seen[a as usize][b as usize] += 1;
        }
        for (a, row) in seen.iter().enumerate() {
            for (b, &count) in row.iter().enumerate().filter(|(b, _)| *b != a) {
                assert!(
                    (9_500..10_500).contains(&count),
                    "pair {a},{b} came {count} times of 200 000, not about 10 000"
                );
            }
        }
    }

    #[test]
    fn the_same_seed_replays_and_another_differs() {
        assert_eq!(draw(1, 9), draw(1, 9));
        assert_ne!(draw(1, 9), draw(2, 9));
        assert_ne!(draw(1, 9), draw(1, 10));
    }
}

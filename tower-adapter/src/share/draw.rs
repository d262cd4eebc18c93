//! Randomness by number: the same seed and numbers give the same draw, whatever else happens.

/// 64 well-mixed bits: the finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
const fn draw(seed: u64, turn: u64) -> u64 {
    let mut z = seed.wrapping_add(turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below 2³², of the `turn`-th event in a stream of a seed.
pub(super) const fn below(seed: u64, stream: u64, turn: u64) -> u64 {
    draw(draw(seed, stream), turn) >> 32
}

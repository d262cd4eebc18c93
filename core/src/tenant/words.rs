//! How a tenant's words are laid out; what each holds is said [where it stands](super::state).

use crate::config::MOST_INSIDE;

// The occupancy.
pub(super) const ONE_INSIDE: u64 = 1;
const INSIDE_BITS: u32 = 20;
pub(super) const GENERATION: u32 = INSIDE_BITS;
pub(super) const VACANT_OR_GENERATION: u64 = (1 << 24) - 1;
pub(super) const VACANT: u64 = 1 << 43;
pub(super) const RETRIES: u64 = 1 << 44;
pub(super) const COMPLETED: u32 = 45;
pub(super) const COMPLETED_BITS: u32 = 19;
pub(super) const MOST_COMPLETED: u64 = (1 << COMPLETED_BITS) - 1;
pub(super) const ONE_COMPLETED: u64 = 1 << COMPLETED;
const _: () = assert!(MOST_INSIDE as u64 == (1 << INSIDE_BITS) - 1, "what requests inside have bits for");

#[inline]
pub(super) const fn inside(occupancy: u64) -> u32 {
    (occupancy & 0xf_ffff) as u32
}

#[inline]
pub(super) const fn generation(occupancy: u64) -> u32 {
    ((occupancy % VACANT) >> GENERATION) as u32
}

// The counts.
pub(super) const ONE_BENEATH: u64 = 1;
/// So many completed requests as the occupancy has bits for.
pub(super) const ONE_CARRIED: u64 = 1 << 20;

// The tallies.
pub(super) const ONE_WAITING: u64 = 1 << 40;

//! A taken seat.

/// One seat or several, taken in one step. They must be released, once and together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// How many turns were taken before in this pool, modulo 2³².
    pub(crate) turn: u32,
    /// How many seats.
    pub(crate) width: u32,
    /// The line that it was given from, plus 1; 0 where a free seat was taken without the queue.
    pub(crate) line: u32,
}

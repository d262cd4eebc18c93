'use strict'

// What the hot calls hear and say beside their arguments and answers, and the answers that are neither slot nor rejection; as in
// `src/raw/mailbox.rs`, `src/operations.rs` and `src/state.rs`.

module.exports = {
  /** An integer: a ticket's slot: of what is given, or of what the call is about. */
  SLOT: 0,
  /** An integer: a ticket's generation. */
  GENERATION: 1,
  /** An integer: the number of the lease's address. */
  ADDRESS: 2,
  /** An integer: the number of the wanted pool. */
  POOL: 3,
  /** An integer: the kind of the outcome. */
  KIND: 4,
  /** An integer: how urgent a request is. */
  PRIORITY: 5,
  /** An integer: how many seats it takes. */
  SEATS: 14,
  /** An integer: which attempt it is. */
  ATTEMPT: 15,
  /** An integer: how many amounts are declared or reported. */
  DECLARED: 16,
  /** An integer: what is given beside the key, if anything. */
  SESSION: 17,
  /** An integer: 1 where a list of addresses to avoid is given. */
  AVOIDING: 42,
  /** Integers, so many as may be: the numbers of their dimensions' names. */
  DIMENSIONS: 18,
  /** A float: a rejection's figure, or the milliseconds to wait. */
  FIGURE: 3,
  /** A float: what a request costs. */
  COST: 4,
  /** A float: the milliseconds of a timeout or a latency. */
  TIME: 5,
  /** A float: the milliseconds until an endpoint wants more. */
  RETRY_AFTER: 6,
  /** Floats, so many as may be: the amounts. */
  AMOUNTS: 13,
  /** How many amounts there is room for: as many as there can be dimensions. */
  MOST_AMOUNTS: 8,
  /** What SESSION may be: nothing, the token of an earlier lease, or an address. */
  NO_SESSION: 0,
  TOKEN: 1,
  PREFERRED: 2,
  /** The slot of no ticket: the tenant is given by its id. */
  NO_TICKET: 2 ** 32 - 1,
  /** The number of no pool. */
  NO_POOL: 2 ** 32 - 1,
  /** Said instead of a slot: no answer yet. */
  WAITING: -(2 ** 31),
  /** Said instead of a slot: nothing to tell. */
  NOTHING: -(2 ** 31) + 1,
}

'use strict'

const { NativeClock } = require('./native.cjs')
const { wrongType } = require('./arguments.cjs')

/** A clock that moves only when told to: for tests. It starts at 0. */
class ManualClock {
  #native = new NativeClock()

  /** Moves time on by nanoseconds. Waiters whose deadline has come are rejected. */
  advance(ns) {
    this.#native.advance(nanoseconds(ns))
  }

  /** Nanoseconds since it was made. */
  now() {
    return this.#native.now()
  }

  static native(clock) {
    if (typeof clock !== 'object' || clock === null || !(#native in clock)) {
      throw wrongType('options.clock', 'a ManualClock', clock)
    }
    return clock.#native
  }
}

/** For this package alone: the class that users see keeps its native half to itself. */
const nativeClock = ManualClock.native
delete ManualClock.native

function nanoseconds(ns) {
  if (typeof ns === 'number') {
    if (!Number.isSafeInteger(ns) || ns < 0) {
      throw new RangeError(`ns must be a whole number from 0 to 2^53 - 1, or a bigint, not ${ns}`)
    }
    return BigInt(ns)
  }
  if (typeof ns !== 'bigint') throw wrongType('ns', 'a number or a bigint', ns)
  if (ns < 0n || ns > LONGEST) throw new RangeError(`ns must be from 0 to 2^64 - 1, not ${ns}`)
  return ns
}

const LONGEST = 2n ** 64n - 1n

module.exports = { ManualClock, nativeClock }

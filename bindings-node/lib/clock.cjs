'use strict'

const { NativeClock } = require('./native.cjs')
const { bits, milliseconds, optionalSettings, wrongType } = require('./arguments.cjs')

/** A clock that moves only when told to: for tests. It starts at 0, at a date. */
class ManualClock {
  #native

  constructor(options = undefined) {
    const { unixMs } = optionalSettings(options, 'options', OPTIONS)
    this.#native = new NativeClock(unixMs === undefined ? 0 : date(unixMs))
  }

  /** Moves time on by nanoseconds. Waiters whose deadline has come are rejected. */
  advance(ns) {
    this.#native.advance(bits(ns, 'ns'))
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

function date(unixMs) {
  if (milliseconds(unixMs, 'options.unixMs') <= LATEST) return unixMs
  throw new RangeError(`options.unixMs must be before the year 2554, not ${unixMs}`)
}

const OPTIONS = ['unixMs']
/** In 64 bits of nanoseconds. */
const LATEST = 18_446_744_073_709

module.exports = { ManualClock, nativeClock }

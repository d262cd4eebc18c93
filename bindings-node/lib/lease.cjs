'use strict'

const { wrongType } = require('./arguments.cjs')

/** A seat and the picked endpoint, until it is finished or disposed of. */
class Lease {
  #core
  #slot
  #generation
  #address

  constructor(core, slot, generation, address, key) {
    if (key !== KEY) throw new TypeError('only a Balancer makes a Lease')
    this.#core = core
    this.#slot = slot
    this.#generation = generation
    this.#address = address
  }

  /** Where the request is to go, as the configuration writes it. */
  get address() {
    return this.#address
  }

  /** Says that the answer begins: the time to its first byte is the latency to learn from, whatever the stream takes. */
  firstByte() {
    this.#core?.firstByte(this.#slot, this.#generation)
  }

  /** Ends it with what happened; what is measured beside it is optional. A second call does nothing. */
  finish(outcome = 'success', measured = undefined) {
    const kind = kindOf(outcome)
    const core = this.#core
    if (core === undefined) return
    if (measured === undefined) core.finish(this, this.#slot, this.#generation, kind)
    else core.finishMeasured(this, this.#slot, this.#generation, kind, measured)
    this.#core = undefined
  }

  /** Ends it as `cancelled`, unless it was finished: frees what it held and teaches nothing. */
  [Symbol.dispose]() {
    this.finish('cancelled')
  }

  /** As `Symbol.dispose`. */
  async [Symbol.asyncDispose]() {
    this.finish('cancelled')
  }

  [Symbol.for('nodejs.util.inspect.custom')](_depth, _options, inspect) {
    return `Lease ${inspect({ address: this.#address, finished: this.#core === undefined })}`
  }
}
Object.defineProperty(Lease.prototype, 'ok', { value: true })

function kindOf(outcome) {
  switch (outcome) {
    case 'success':
      return 0
    case 'failure':
      return 1
    case 'overload':
      return 2
    case 'cancelled':
      return CANCELLED
    default:
      if (typeof outcome !== 'string') throw wrongType('outcome', 'a string', outcome)
      throw new RangeError(`outcome must be 'success', 'failure', 'overload' or 'cancelled', not ${JSON.stringify(outcome)}`)
  }
}

const CANCELLED = 3
/** What lets the balancer, and nobody else, make a lease. */
const KEY = Symbol('lease')

module.exports = { CANCELLED, KEY, Lease }

'use strict'

const { count, settings, string, wrongType } = require('./arguments.cjs')

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

  /** With which a session returns to this endpoint; `undefined` once it has ended or its pool is removed. */
  get affinityToken() {
    return this.#core?.affinityToken(this.#slot, this.#generation)
  }

  /** The pool that serves it: a fallback where the one asked for could not; `undefined` once it has ended or its pool is removed. */
  get pool() {
    return this.#core?.poolOf(this.#slot, this.#generation)
  }

  /** When the endpoint was picked, in nanoseconds on the balancer's clock; `undefined` once it has ended. */
  get acquiredAtNs() {
    return this.#core?.acquiredAt(this.#slot, this.#generation)
  }

  /** Says that the answer begins: the time to its first byte is the latency to learn from, whatever the stream takes. */
  firstByte() {
    this.#core?.firstByte(this.#slot, this.#generation)
  }

  /** Says what the request has used of a dimension so far; the last word counts. */
  report(dimension, amount) {
    const told = [[string(dimension, 'dimension'), count(amount, 'amount')]]
    this.#core?.report(this.#slot, this.#generation, told)
  }

  /** Says what the answer tells of the endpoint's own limits, which hold for everybody. */
  reportUpstream(report) {
    this.#core?.reportUpstream(this.#slot, this.#generation, report)
  }

  /** Hands on what the endpoint says of its own load. */
  reportLoad(report) {
    string(report, 'report')
    this.#core?.reportLoad(this.#slot, this.#generation, report)
  }

  /** Ends it with what happened; what is measured beside it is optional. A second call does nothing. */
  finish(outcome = 'success', measured = undefined) {
    const cause = measured === undefined ? undefined : settings(measured, 'measured', MEASURED).cause
    const kind = cause === undefined ? kindOf(outcome) : kindOfCause(outcome, cause)
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

/** A failure has a kind for each cause; on what is none a cause says nothing. */
function kindOfCause(outcome, cause) {
  const place = CAUSES.indexOf(string(cause, 'cause'))
  if (place < 0) throw new RangeError(`cause must be ${CAUSES.map((name) => `'${name}'`).join(', ')}, not ${JSON.stringify(cause)}`)
  const kind = kindOf(outcome)
  return kind === FAILURE && place > 0 ? FIRST_CAUSE + place - 1 : kind
}

const MEASURED = ['cost', 'latencyMs', 'retryAfterMs', 'amounts', 'cause']
const CAUSES = ['application', 'gateway', 'connection', 'timeout']
const FAILURE = 1
const CANCELLED = 3
/** The kind of a gateway's failure; those of the other causes follow. */
const FIRST_CAUSE = 4
/** What lets the balancer, and nobody else, make a lease. */
const KEY = Symbol('lease')

module.exports = { CANCELLED, KEY, Lease }

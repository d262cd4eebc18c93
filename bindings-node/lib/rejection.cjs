'use strict'

const { describeRejection, rejectionKind } = require('./native.cjs')

/**
 * Why a request may not run now, and when to come back.
 *
 * It is `instanceof Error`, but an answer and no fault: Error's constructor, which captures the stack, does not run (11 ns instead
 * of 3 µs), and `message` and `stack` are made when somebody reads them.
 */
class Rejection extends Error {
  constructor() {
    throw new TypeError('only a Balancer makes a Rejection')
  }

  get message() {
    const figure = this.limit ?? Math.round((this.retryAfterMs ?? NaN) * 1e6)
    return describeRejection(numbers.get(this.code) ?? 0, figure) ?? this.code
  }

  set message(value) {
    Object.defineProperty(this, 'message', { value, configurable: true, writable: true })
  }

  get stack() {
    return `${this.name} [${this.code}]: ${this.message}`
  }

  set stack(value) {
    Object.defineProperty(this, 'stack', { value, configurable: true, writable: true })
  }
}
Object.defineProperty(Rejection.prototype, 'name', { value: 'Rejection', configurable: true, writable: true })
Object.defineProperty(Rejection.prototype, 'ok', { value: false })

/** The object itself. */
function Answer(kind, figure) {
  this.code = kind.code
  this.permanent = kind.permanent
  // NaN: no time is known.
  this.retryAfterMs = kind.retry && figure >= 0 ? figure / 1e6 : undefined
  this.limit = kind.limit ? figure : undefined
}
Answer.prototype = Rejection.prototype

/** The rejection of this number and figure: nanoseconds, or a limit. */
function rejection(number, figure) {
  return new Answer(kinds[number] ?? learn(number), figure)
}

/** The same, as what a promise rejects with: Node shows an error that nobody catches only if it has a `stack` of its own. */
function thrown(rejection) {
  return Object.defineProperty(rejection, 'stack', STACK)
}

function learn(number) {
  const kind = rejectionKind(number)
  kinds[number] = kind
  numbers.set(kind.code, number)
  return kind
}

/** The prototype's accessors, where `console.log` leaves them out. */
const STACK = { ...Object.getOwnPropertyDescriptor(Rejection.prototype, 'stack'), enumerable: false }
const kinds = []
const numbers = new Map()

module.exports = { Rejection, rejection, thrown }

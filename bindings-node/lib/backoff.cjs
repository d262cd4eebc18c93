'use strict'

const { bits, milliseconds, object, within } = require('./arguments.cjs')
const { NativeBackoff } = require('./native.cjs')

/** Exponential back-off with full jitter. */
class Backoff {
  #native

  constructor(options = undefined) {
    const { baseMs, capMs, seed = 0 } = options === undefined ? {} : object(options, 'options')
    const base = baseMs === undefined ? undefined : milliseconds(baseMs, 'baseMs')
    const cap = capMs === undefined ? undefined : milliseconds(capMs, 'capMs')
    this.#native = new NativeBackoff(base, cap, bits(seed, 'seed'))
  }

  /** The longest wait before the `retry`-th retry, counted from 1. */
  boundMs(retry) {
    return this.#native.bound(place(retry))
  }

  /** The wait before the `retry`-th retry of a request. The same two numbers give the same wait. */
  waitMs(retry, request) {
    return this.#native.wait(place(retry), bits(request, 'request'))
  }
}

function place(retry) {
  return within(retry, 'retry', 0, 2 ** 32 - 1)
}

module.exports = { Backoff }

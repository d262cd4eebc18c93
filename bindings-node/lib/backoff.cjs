'use strict'

const { bits, optionalMilliseconds, optionalSettings, within } = require('./arguments.cjs')
const { NativeBackoff } = require('./native.cjs')

/** Exponential back-off with full jitter. */
class Backoff {
  #native

  constructor(options = undefined) {
    const { baseMs, capMs, seed = 0 } = optionalSettings(options, 'options', OPTIONS)
    this.#native = new NativeBackoff(optionalMilliseconds(baseMs, 'baseMs'), optionalMilliseconds(capMs, 'capMs'), bits(seed, 'seed'))
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
  return within(retry, 'retry', 1, 2 ** 32 - 1)
}

const OPTIONS = ['baseMs', 'capMs', 'seed']

module.exports = { Backoff }

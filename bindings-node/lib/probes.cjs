'use strict'

const { abortSignal, milliseconds, within } = require('./arguments.cjs')

/** Hands out a balancer's probes to those who wait for one, in their order. */
class Prober {
  #native
  #waiting = []

  constructor(native) {
    this.#native = native
  }

  /** The next one that is due now. */
  next() {
    const native = this.#native.nextProbe(false)
    return native === null ? undefined : new Probe(native, KEY)
  }

  /** The next one, once there is one; `undefined` when the signal says so. */
  wait(signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve(undefined)
        return
      }
      const one = { resolve, signal, onAbort: () => this.#leave(one) }
      signal?.addEventListener('abort', one.onAbort, { once: true })
      this.#waiting.push(one)
      this.look()
    })
  }

  /** Hands out what there is; the native side rings when there is more. */
  look() {
    while (this.#waiting.length > 0) {
      const native = this.#native.nextProbe(true)
      if (native === null) return
      const { resolve, signal, onAbort } = this.#waiting.shift()
      signal?.removeEventListener('abort', onAbort)
      resolve(new Probe(native, KEY))
    }
  }

  #leave(one) {
    this.#waiting = this.#waiting.filter((other) => other !== one)
    one.resolve(undefined)
  }
}

/** The probes of one balancer. */
class Probes {
  #prober
  #signal

  constructor(prober, signal, key) {
    if (key !== KEY) throw new TypeError('only a Balancer makes Probes')
    this.#prober = prober
    this.#signal = signal === undefined ? undefined : abortSignal(signal)
  }

  /** The next one that is due now, if there is one. */
  nextProbe() {
    return this.#prober.next()
  }

  /** One after the other, as they are due, until the signal says stop. */
  async *[Symbol.asyncIterator]() {
    let probe
    while ((probe = await this.#prober.wait(this.#signal)) !== undefined) yield probe
  }
}

/** A probe that is to be carried. One that is collected without an answer has failed. */
class Probe {
  #native
  #address
  #path
  #timeoutMs

  constructor(native, key) {
    if (key !== KEY) throw new TypeError('only a Balancer makes a Probe')
    this.#native = native
    this.#address = native.address()
    this.#path = native.path()
    this.#timeoutMs = native.timeout()
  }

  /** The endpoint's, as the configuration writes it. */
  get address() {
    return this.#address
  }

  /** Where the endpoint answers probes. */
  get path() {
    return this.#path
  }

  /** After so long it is worth nothing. */
  get timeoutMs() {
    return this.#timeoutMs
  }

  /** What the endpoint said. A second call does nothing. */
  answer(rif, latencyMs = undefined) {
    const latency = latencyMs === undefined ? undefined : milliseconds(latencyMs, 'latencyMs')
    this.#native.answer(within(rif, 'rif', 0, 2 ** 32 - 1), latency)
  }

  /** Gives it up. */
  fail() {
    this.#native.fail()
  }
}

/** What lets the balancer, and nobody else, make them. */
const KEY = Symbol('probes')

module.exports = { KEY, Probe, Prober, Probes }

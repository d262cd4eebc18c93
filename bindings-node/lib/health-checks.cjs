'use strict'

const { abortSignal, isWithin, optionalSettings, string, within, wrongType } = require('./arguments.cjs')
const { checkFailures } = require('./native.cjs')

/** The health checks of one balancer. */
class HealthChecks {
  #native

  constructor(native, key) {
    if (key !== KEY) throw new TypeError('only a Balancer makes HealthChecks')
    this.#native = native
  }

  /** The next one that is due now, if there is one. */
  nextCheck() {
    const native = this.#native.nextCheck()
    return native === null ? undefined : new HealthCheck(native, KEY)
  }

  /** How long until one is due. */
  dueInMs() {
    return this.#native.checkDueIn() ?? undefined
  }
}

/** A check that is to be done. One that is collected without a word teaches nothing. */
class HealthCheck {
  #native
  #facts

  constructor(native, key) {
    if (key !== KEY) throw new TypeError('only a Balancer makes a HealthCheck')
    this.#native = native
    this.#facts = native.facts()
  }

  get pool() {
    return this.#facts.pool
  }

  /** The endpoint's, as the configuration writes it. */
  get address() {
    return this.#facts.address
  }

  /** What the pool's `probe` says. */
  get kind() {
    return this.#facts.kind
  }

  /** What it is about: a path, a service or a name. */
  get subject() {
    return this.#facts.subject
  }

  /** After so long a check without an answer has failed. */
  get timeoutMs() {
    return this.#facts.timeout
  }

  /** What to ask by HTTP, and which answers are good; `undefined` for other kinds. */
  get http() {
    const { http } = this.#facts
    if (http === undefined) return undefined
    const { method, path, host, headers, body } = http
    return { method, path, host, headers: Object.fromEntries(headers), body, accepts: (status) => this.#accepts(status) }
  }

  /** The port to ask at, if it is not the address's. */
  get port() {
    return this.#facts.port
  }

  /** Whether `http` and `grpc` go over TLS. */
  get scheme() {
    return this.#facts.scheme
  }

  /** The name that TLS asks for, if it is not the host's. */
  get serverName() {
    return this.#facts.serverName
  }

  /** The endpoint serves. A second word is not heard. */
  passed() {
    this.#native.passed()
  }

  #accepts(status) {
    if (typeof status !== 'number') throw wrongType('status', 'a number', status)
    return isWithin(status, 0, 2 ** 16 - 1) && this.#native.accepts(status)
  }

  /** It does not. */
  failed(evidence = '', reason = 'other') {
    if (!this.#native.failed(string(evidence, 'evidence'), string(reason, 'reason'))) {
      throw new RangeError(`reason must be one of ${checkFailures().join(', ')}, not ${JSON.stringify(reason)}`)
    }
  }
}

/** Does a balancer's health checks until the signal says stop. */
async function checkHealth(balancer, check, options = undefined) {
  const { signal, mostUnderWay = 256 } = optionalSettings(options, 'options', OPTIONS)
  if (signal !== undefined) abortSignal(signal)
  if (typeof check !== 'function') throw new TypeError('check must be a function')
  within(mostUnderWay, 'mostUnderWay', 1, 2 ** 31 - 1)
  const checks = balancer.healthChecks()
  let running = 0
  let goOn = () => {}
  const ended = () => {
    running--
    goOn()
  }
  const stop = () => goOn()
  signal?.addEventListener('abort', stop)
  try {
    while (!signal?.aborted) {
      let due
      while (running < mostUnderWay && (due = checks.nextCheck()) !== undefined) {
        running++
        ask(due, check, signal).then(ended)
      }
      await new Promise((resolve) => {
        const wait = Math.min(Math.max(checks.dueInMs() ?? LONGEST, 1), LONGEST)
        const timer = setTimeout(resolve, running < mostUnderWay ? wait : LONGEST).unref()
        goOn = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** One check: its function returns, throws, or takes too long. */
async function ask(due, check, stop) {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new DOMException('no answer in time', 'TimeoutError')), due.timeoutMs).unref()
  const signal = stop === undefined ? limit.signal : AbortSignal.any([limit.signal, stop])
  try {
    const late = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    await Promise.race([(async () => check(due, signal))(), late])
    due.passed()
  } catch (error) {
    // Stopped in between, it has shown nothing.
    if (stop?.aborted) return
    due.failed(String(error), limit.signal.aborted ? 'timeout' : 'other')
  } finally {
    clearTimeout(timer)
  }
}

const OPTIONS = ['signal', 'mostUnderWay']
/** Milliseconds: how soon checks are seen that an update of the configuration brings. */
const LONGEST = 1_000

/** What lets the balancer, and nobody else, make them. */
const KEY = Symbol('health checks')

module.exports = { HealthCheck, HealthChecks, KEY, checkHealth }

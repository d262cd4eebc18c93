'use strict'

const { finiteMilliseconds, optionalMilliseconds, optionalSettings, string, within, wrongType } = require('./arguments.cjs')
const { ConfigError, toFoundText } = require('./config.cjs')
const { toDiscoveryStatus } = require('./stats.cjs')

/** One source of one pool's endpoints. */
class Discovery {
  #native
  #pool
  /** Weak: it does not keep its balancer alive. */
  #core

  constructor(native, core, pool, key) {
    if (key !== KEY) throw new TypeError('only a Balancer makes a Discovery')
    this.#native = native
    this.#pool = pool
    this.#core = new WeakRef(core)
  }

  /** These are all endpoints of this source, for so long; with `null` the source itself waits until something changes. */
  found(endpoints, ttlMs) {
    // Nobody hears it: it is not even read.
    if (this.dueInMs() === undefined) return
    const refusal = this.#native.found(...this.#read(endpoints, ttlMs))
    if (refusal) throw new ConfigError(refusal)
    this.#core.deref()?.endpointsChanged()
  }

  /** There is no answer: everything stays as it is. */
  failed(problem) {
    this.#native.failed(string(problem, 'problem'))
  }

  /** The answer was good but for a part, for which the last good one stood in. */
  note(problem) {
    this.#native.note(string(problem, 'problem'))
  }

  /** How long until it is time to ask; `undefined` when it is closed, or the balancer is gone. */
  dueInMs() {
    return this.#native.dueIn() ?? undefined
  }

  /** How it is doing; `undefined` when it is closed, or the balancer is gone. */
  status() {
    const status = this.#native.status()
    return status === null ? undefined : toDiscoveryStatus(status)
  }

  /** Ends it. */
  close() {
    this.#native.close()
  }

  /** As `close`. */
  [Symbol.dispose]() {
    this.close()
  }

  /** An answer as the native side takes it. */
  #read(endpoints, ttlMs) {
    try {
      const text = toFoundText(this.#pool, endpoints)
      return [text, ttlMs === null ? undefined : finiteMilliseconds(ttlMs, 'ttlMs')]
    } catch (error) {
      // As the core does with what it cannot use.
      this.#native.failed(String(error))
      throw error
    }
  }
}

/** A discovery of a pool's endpoints. */
function open(core, pool, source, chosen) {
  const { floorMs, ceilingMs, jitter, firstRetryMs, longestRetryMs, mayEmpty = false, mostEndpoints } = optionalSettings(chosen, 'settings', SETTINGS)
  if (typeof mayEmpty !== 'boolean') throw wrongType('mayEmpty', 'a boolean', mayEmpty)
  const opened = core.native.discovery(pool, source, {
    floorMs: optionalMilliseconds(floorMs, 'floorMs'),
    ceilingMs: optionalMilliseconds(ceilingMs, 'ceilingMs'),
    jitter: jitter === undefined ? undefined : share(jitter, 'jitter'),
    firstRetryMs: optionalMilliseconds(firstRetryMs, 'firstRetryMs'),
    longestRetryMs: optionalMilliseconds(longestRetryMs, 'longestRetryMs'),
    mayEmpty,
    mostEndpoints: mostEndpoints === undefined ? undefined : within(mostEndpoints, 'mostEndpoints', 1, 1_000_000),
  })
  if ('fix' in opened) throw new ConfigError(opened)
  return new Discovery(opened, core, pool, KEY)
}

function share(value, name) {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} must be a share from 0 to 1, not ${value}`)
  return value
}

const SETTINGS = ['floorMs', 'ceilingMs', 'jitter', 'firstRetryMs', 'longestRetryMs', 'mayEmpty', 'mostEndpoints']

/** What lets the balancer, and nobody else, make one. */
const KEY = Symbol('discovery')

module.exports = { Discovery, open }

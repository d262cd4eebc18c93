'use strict'

const { milliseconds, string, within, wrongType } = require('./arguments.cjs')
const { ConfigError, toFoundText } = require('./config.cjs')
const { toDiscoveryStatus } = require('./stats.cjs')

/** One source of one pool's endpoints. */
class Discovery {
  #native
  /** Weak: it does not keep its balancer alive. */
  #core

  constructor(native, core, key) {
    if (key !== KEY) throw new TypeError('only a Balancer makes a Discovery')
    this.#native = native
    this.#core = new WeakRef(core)
  }

  /** These are all endpoints of this source, for so long; with `null` the source itself waits until something changes. */
  found(endpoints, ttlMs) {
    const ttl = ttlMs === null ? undefined : milliseconds(ttlMs, 'ttlMs')
    const refusal = this.#native.found(this.#text(endpoints), ttl)
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

  #text(endpoints) {
    try {
      return toFoundText(endpoints)
    } catch (error) {
      // As the core does with what it cannot use.
      this.#native.failed(String(error))
      throw error
    }
  }
}

/** A discovery of a pool's endpoints. */
function open(core, pool, source, settings) {
  const { floorMs, ceilingMs, jitter, firstRetryMs, longestRetryMs, mayEmpty = false, mostEndpoints } = settings
  if (jitter !== undefined && typeof jitter !== 'number') throw wrongType('jitter', 'a number', jitter)
  if (typeof mayEmpty !== 'boolean') throw wrongType('mayEmpty', 'a boolean', mayEmpty)
  const time = (value, name) => (value === undefined ? undefined : milliseconds(value, name))
  const opened = core.native.discovery(pool, source, {
    floorMs: time(floorMs, 'floorMs'),
    ceilingMs: time(ceilingMs, 'ceilingMs'),
    jitter,
    firstRetryMs: time(firstRetryMs, 'firstRetryMs'),
    longestRetryMs: time(longestRetryMs, 'longestRetryMs'),
    mayEmpty,
    mostEndpoints: mostEndpoints === undefined ? undefined : within(mostEndpoints, 'mostEndpoints', 0, 2 ** 32 - 1),
  })
  if ('fix' in opened) throw new ConfigError(opened)
  return new Discovery(opened, core, KEY)
}

/** What lets the balancer, and nobody else, make one. */
const KEY = Symbol('discovery')

module.exports = { Discovery, open }

'use strict'

const { count, milliseconds, object, optionalString, string, within, wrongType } = require('./arguments.cjs')
const { nativeClock } = require('./clock.cjs')
const { readDocument, toDocument } = require('./config.cjs')
const { Core } = require('./core.cjs')
const { WAITING } = require('./mailbox.cjs')
const { thrown } = require('./rejection.cjs')
const { toEvents, toLimits, toPoolStats, toStats, toTenantPage, toTenantStats } = require('./stats.cjs')

/** A multi-tenant load balancer: decides whether a request may run now, and where. */
class Balancer {
  #core

  constructor(config, options = undefined) {
    const document = config instanceof FileDocument ? config : toDocument(config)
    const { clock, detectLeaks } = options === undefined ? {} : object(options, 'options')
    if (detectLeaks !== undefined && typeof detectLeaks !== 'boolean') {
      throw wrongType('options.detectLeaks', 'a boolean', detectLeaks)
    }
    this.#core = new Core(document, clock === undefined ? undefined : nativeClock(clock), detectLeaks ?? false)
  }

  /** A balancer from a file that ends in .json, .toml, .yaml or .yml. */
  static fromFile(path, options = undefined) {
    return new Balancer(new FileDocument(path), options)
  }

  /** Decides now: a Lease, or a Rejection; told apart by `ok`. */
  tryAcquire(tenant, options = undefined) {
    const core = this.#core
    string(tenant, 'tenant')
    let result
    if (options === undefined) {
      result = core.tryAcquire(tenant, undefined, undefined, 1, DEFAULT_PRIORITY, 1)
    } else {
      const { pool, key, cost, priority, seats } = object(options, 'options')
      optionalString(pool, 'pool')
      optionalString(key, 'key')
      result = core.tryAcquire(tenant, pool, key, unitsOf(cost), urgencyOf(priority), widthOf(seats))
    }
    return result >= 0 ? core.lease(result) : core.rejection(result)
  }

  /** Waits for a seat when there is none. The promise rejects with the Rejection, or with the signal's reason. */
  acquire(tenant, options = undefined) {
    try {
      return this.#acquire(string(tenant, 'tenant'), options === undefined ? {} : object(options, 'options'))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #acquire(tenant, { pool, key, cost, priority, seats, timeoutMs, signal }) {
    const core = this.#core
    optionalString(pool, 'pool')
    optionalString(key, 'key')
    const [units, urgency, width] = [unitsOf(cost), urgencyOf(priority), widthOf(seats)]
    const timeout = timeoutMs === undefined ? NaN : milliseconds(timeoutMs, 'timeoutMs')
    if (signal !== undefined && abortSignal(signal).aborted) return Promise.reject(signal.reason)
    const result = core.acquire(tenant, pool, key, units, urgency, width, timeout)
    if (result >= 0) return Promise.resolve(core.lease(result))
    return result === WAITING ? core.waiters.add(signal) : Promise.reject(thrown(core.rejection(result)))
  }

  /** Puts another configuration in force, at once and as a whole. A refused one changes nothing. */
  reconfigure(config) {
    this.#core.reconfigure(toDocument(config))
  }

  /** What is true now. */
  stats() {
    return toStats(this.#core.native.stats())
  }

  /** What is true now of one tenant; `undefined` where nobody has this id. */
  tenantStats(tenant) {
    return toTenantStats(this.#core.native.tenantStats(string(tenant, 'tenant')))
  }

  /** What is left of a tenant's limits; `undefined` where nobody has this id. */
  limitsOf(tenant) {
    return toLimits(this.#core.native.limitsOf(string(tenant, 'tenant')))
  }

  /** What has happened since this was last asked. */
  takeEvents() {
    return toEvents(this.#core.native.takeEvents())
  }

  /** What is true now of one pool; `undefined` where there is none of this name. */
  poolStats(pool) {
    return toPoolStats(this.#core.native.poolStats(string(pool, 'pool')))
  }

  /** Some of all tenants. */
  tenantPage(start = 0, most = 1000) {
    const [from, size] = [within(start, 'start', 0, 2 ** 32 - 1), within(most, 'most', 1, 10_000)]
    return toTenantPage(this.#core.native.tenantPage(from, size))
  }

  /** The moment on the balancer's clock, in nanoseconds. */
  nowNs() {
    return this.#core.native.now()
  }

  static core(balancer) {
    return balancer.#core
  }
}

/** For this package's tests and benchmarks alone. */
const coreOf = Balancer.core
delete Balancer.core

/** The text of a configuration file. */
class FileDocument {
  constructor(path) {
    Object.assign(this, readDocument(path))
  }
}

function unitsOf(cost) {
  return cost === undefined ? 1 : count(cost, 'cost')
}

function urgencyOf(priority) {
  return priority === undefined ? DEFAULT_PRIORITY : within(priority, 'priority', 0, 7)
}

function widthOf(seats) {
  return seats === undefined ? 1 : within(seats, 'seats', 1, 2 ** 32 - 1)
}

function abortSignal(signal) {
  const usable = typeof signal === 'object' && signal !== null && typeof signal.addEventListener === 'function'
  if (!usable) throw wrongType('signal', 'an AbortSignal', signal)
  return signal
}

/** RFC 9218's. */
const DEFAULT_PRIORITY = 3

module.exports = { Balancer, coreOf }

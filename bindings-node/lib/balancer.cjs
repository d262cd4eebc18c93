'use strict'

const { isUint8Array } = require('node:util/types')

const { abortSignal, amountsOf, milliseconds, optionalSettings, optionalString, settings, string, wellFormed, within, wrongType } = require('./arguments.cjs')
const { nativeClock } = require('./clock.cjs')
const { readDocument, toChangesText, toDocument, toTenantText } = require('./config.cjs')
const { Core } = require('./core.cjs')
const { open } = require('./discovery.cjs')
const { nativeCursor } = require('./events.cjs')
const { LedgerError, load, save } = require('./ledger.cjs')
const { WAITING } = require('./mailbox.cjs')
const { HealthChecks, KEY: CHECKS_KEY } = require('./health-checks.cjs')
const { KEY, Probes } = require('./probes.cjs')
const { thrown } = require('./rejection.cjs')
const { DEFAULT_PRIORITY, addressesOf, attemptOf, keyOf, sessionOf, unitsOf, urgencyOf, widthOf } = require('./request.cjs')
const { toDiscoveryStatus, toEvents, toLimits, toPoolStats, toStats, toTenantPage, toTenantStats } = require('./stats.cjs')
const { idOf, tenantOf } = require('./tenant.cjs')

/** A multi-tenant load balancer: decides whether a request may run now, and where. */
class Balancer {
  #core

  constructor(config, options = undefined) {
    const document = config instanceof FileDocument ? config : toDocument(config)
    const { clock, detectLeaks } = optionalSettings(options, 'options', OPTIONS)
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
    const whose = tenantOf(tenant)
    let result
    if (options === undefined) {
      result = core.tryAcquire(whose, undefined, undefined, 1, DEFAULT_PRIORITY, 1, 0, undefined, undefined, undefined)
    } else {
      const { pool, key, cost, priority, seats, attempt, amounts, affinity, prefer, avoid } = settings(options, 'options', REQUEST)
      optionalString(pool, 'pool')
      const together = keyOf(key)
      const which = attempt === undefined ? 0 : attemptOf(attempt)
      const told = amounts === undefined ? undefined : amountsOf(amounts)
      const [session, avoided] = [sessionOf(affinity, prefer), avoid === undefined ? undefined : addressesOf(avoid)]
      result = core.tryAcquire(whose, pool, together, unitsOf(cost), urgencyOf(priority), widthOf(seats), which, told, session, avoided)
    }
    return result >= 0 ? core.lease(result) : core.rejection(result)
  }

  /** Waits for a seat when there is none. The promise rejects with the Rejection, or with the signal's reason. */
  acquire(tenant, options = undefined) {
    try {
      return this.#acquire(tenantOf(tenant), optionalSettings(options, 'options', ACQUIRE))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #acquire(tenant, { pool, key, cost, priority, seats, attempt, amounts, affinity, prefer, avoid, timeoutMs, signal }) {
    const core = this.#core
    optionalString(pool, 'pool')
    const together = keyOf(key)
    const [units, urgency, width] = [unitsOf(cost), urgencyOf(priority), widthOf(seats)]
    const which = attempt === undefined ? 0 : attemptOf(attempt)
    const told = amounts === undefined ? undefined : amountsOf(amounts)
    const [session, avoided] = [sessionOf(affinity, prefer), avoid === undefined ? undefined : addressesOf(avoid)]
    const timeout = timeoutMs === undefined ? NaN : milliseconds(timeoutMs, 'timeoutMs')
    if (signal !== undefined && abortSignal(signal).aborted) return Promise.reject(signal.reason)
    const result = core.acquire(tenant, pool, together, units, urgency, width, which, told, session, avoided, timeout)
    if (result >= 0) return Promise.resolve(core.lease(result))
    return result === WAITING ? core.waiters.add(signal) : Promise.reject(thrown(core.rejection(result)))
  }

  /** The limits alone, without a seat and without an endpoint: PASSED, or a Rejection. */
  check(tenant, options = undefined) {
    const core = this.#core
    const whose = tenantOf(tenant)
    let result
    if (options === undefined) {
      result = core.check(whose, undefined, 1, undefined)
    } else {
      const { pool, cost, amounts } = settings(options, 'options', CHECK)
      const told = amounts === undefined ? undefined : amountsOf(amounts)
      result = core.check(whose, optionalString(pool, 'pool'), unitsOf(cost), told)
    }
    return result === 0 ? PASSED : core.rejection(result)
  }

  /** A tenant's id, hashed once: it goes wherever the id goes. */
  handle(tenant) {
    return this.#core.handles.make(string(tenant, 'tenant'))
  }

  /** Puts another configuration in force, at once and as a whole. A refused one changes nothing. */
  reconfigure(config) {
    this.#core.reconfigure(toDocument(config))
  }

  /** Adds a tenant, or puts other terms to one. A refused change changes nothing. */
  setTenant(tenant, spec) {
    const id = wellFormed(idOf(tenant), 'tenant')
    this.#core.setTenant(id, toTenantText(id, spec))
  }

  /** Adds, removes, reweighs and drains endpoints of one pool in one step. A refused change changes nothing. */
  changeEndpoints(pool, changes) {
    this.#core.changeEndpoints(wellFormed(pool, 'pool'), toChangesText(pool, changes))
  }

  /** Keeps a pool's endpoints as the application finds them. */
  discovery(pool, source, settings = undefined) {
    return open(this.#core, wellFormed(pool, 'pool'), wellFormed(source, 'source'), settings)
  }

  /** How this balancer's discoveries are doing, by pool. */
  discoveries() {
    return this.#core.native.discoveries().map(toDiscoveryStatus)
  }

  /** The health checks that pools want done. */
  healthChecks() {
    return new HealthChecks(this.#core.native, CHECKS_KEY)
  }

  /** The probes that pools with the strategy `prequal` want carried. */
  probes(options = undefined) {
    const { signal } = optionalSettings(options, 'options', PROBES)
    return new Probes(this.#core.prober, signal, KEY)
  }

  /** Takes a configured tenant out; says whether there was one. */
  removeTenant(tenant) {
    return this.#core.removeTenant(wellFormed(idOf(tenant), 'tenant'))
  }

  /** Decides on an endpoint, whatever its own health is. */
  overrideHealth(pool, address, health, options = undefined) {
    const { durationMs } = optionalSettings(options, 'options', OVERRIDING)
    if (!OVERRIDES.includes(string(health, 'health'))) {
      throw new RangeError(`health must be 'disabled', 'ejected' or 'healthy', not ${JSON.stringify(health)}`)
    }
    const time = durationMs === undefined ? undefined : milliseconds(durationMs, 'durationMs')
    this.#core.overrideHealth(wellFormed(pool, 'pool'), wellFormed(address, 'address'), health, time)
  }

  /** Takes such a decision back. */
  clearHealthOverride(pool, address) {
    this.#core.overrideHealth(wellFormed(pool, 'pool'), wellFormed(address, 'address'), undefined, undefined)
  }

  /** Compares endpoints with one another where that is due: how long until the next time. */
  compareEndpoints() {
    return this.#core.compareEndpoints()
  }

  /** How many requests have been charged for good since a ledger was first asked for. */
  settlements() {
    return this.#core.native.settlements()
  }

  /** What tenants have used of their limits, as bytes. */
  ledger() {
    return this.#core.native.ledger()
  }

  /** Puts back what a ledger says. */
  restore(ledger) {
    if (!isUint8Array(ledger)) throw wrongType('ledger', 'a Buffer or a Uint8Array', ledger)
    // A copy: other threads may write to shared memory while it is read.
    const restored = this.#core.native.restore(Buffer.from(ledger))
    if (typeof restored === 'string') throw new LedgerError(restored)
    this.#core.waiters.drainSoon()
    return restored
  }

  /** Keeps the ledger in a file. */
  saveLedger(path) {
    save(path, this.ledger())
  }

  /** Restores what `saveLedger` has kept; `undefined` where there is no file. */
  loadLedger(path) {
    return load(path, (ledger) => this.restore(ledger))
  }

  /** What is true now. */
  stats() {
    return toStats(this.#core.native.stats())
  }

  /** What is true now of one tenant; `undefined` where nobody has this id. */
  tenantStats(tenant) {
    return toTenantStats(this.#core.native.tenantStats(idOf(tenant)))
  }

  /** What is left of a tenant's limits; `undefined` where nobody has this id. */
  limitsOf(tenant) {
    return toLimits(this.#core.native.limitsOf(idOf(tenant)))
  }

  /** The same of the tenant's own, without its parents'. */
  ownLimitsOf(tenant) {
    return toLimits(this.#core.native.ownLimitsOf(idOf(tenant)))
  }

  /** What has happened since this was last asked. */
  takeEvents() {
    return toEvents(this.#core.native.takeEvents())
  }

  /** What has happened since this cursor was used last. */
  eventsSince(cursor) {
    return toEvents(this.#core.native.eventsSince(nativeCursor(cursor)))
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

/** What `check` returns for a request that passes; there is one, because it has no state. */
const PASSED = Object.freeze({ ok: true })
const OVERRIDES = ['disabled', 'ejected', 'healthy']

// The keys of options.
const OPTIONS = ['clock', 'detectLeaks']
const REQUEST = ['pool', 'key', 'cost', 'priority', 'seats', 'attempt', 'amounts', 'affinity', 'prefer', 'avoid']
const ACQUIRE = [...REQUEST, 'timeoutMs', 'signal']
const CHECK = ['pool', 'cost', 'amounts']
const PROBES = ['signal']
const OVERRIDING = ['durationMs']

module.exports = { Balancer, coreOf }

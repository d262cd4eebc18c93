'use strict'

const { open } = require('./native.cjs')
const { amountsOf, count, milliseconds, settings } = require('./arguments.cjs')
const { ConfigError } = require('./config.cjs')
const { CANCELLED, KEY, Lease } = require('./lease.cjs')
const {
  ADDRESS, AMOUNTS, ATTEMPT, AVOIDING, COST, DECLARED, DIMENSIONS, FIGURE, GENERATION, KIND, MOST_AMOUNTS, NO_POOL, NO_SESSION, POOL, PRIORITY,
  RETRY_AFTER, SEATS, SESSION, SLOT, TIME,
} = require('./mailbox.cjs')
const { Names } = require('./names.cjs')
const { Prober } = require('./probes.cjs')
const { rejection, thrown } = require('./rejection.cjs')
const { Strategies } = require('./strategies.cjs')
const { Handles } = require('./tenant.cjs')
const { Waiters } = require('./waiters.cjs')

/**
 * One balancer's native half, and what JavaScript keeps for it.
 *
 * The hot calls take and give plain numbers; what else they say stands in the mailbox, a few words that both sides see. It is
 * read at once after the call, before any code of the user's can run and call again.
 */
class Core {
  constructor(document, clock, detectLeaks) {
    const waiters = new Waiters(this, clock !== undefined)
    this.strategies = new Strategies()
    this.operations = { choose: chooser(this.strategies) }
    const numbered = this.strategies.number(document.functions)
    this.native = usable(open(this.operations, native(document, numbered), clock, bell(this)))
    this.integers = new Uint32Array(this.operations.mailbox)
    this.floats = new Float64Array(this.operations.mailbox)
    this.addresses = []
    this.names = new Names(this.native)
    this.handles = new Handles(this.operations, this.integers)
    this.waiters = waiters
    this.prober = new Prober(this.native)
    this.leaks = detectLeaks ? new FinalizationRegistry((leak) => this.#reclaim(leak)) : undefined
  }

  /** Decides now: a slot, or less than 0 for a rejection. */
  tryAcquire(tenant, pool, key, cost, priority, seats, attempt, amounts, session, avoid) {
    this.#put(pool, cost, amounts)
    this.#shape(priority, seats, attempt)
    return this.#ask(this.operations.tryAcquire, tenant, key, session, avoid)
  }

  /** As `tryAcquire`, or WAITING. */
  acquire(tenant, pool, key, cost, priority, seats, attempt, amounts, session, avoid, timeout) {
    this.#put(pool, cost, amounts)
    this.#shape(priority, seats, attempt)
    this.floats[TIME] = timeout
    return this.#ask(this.operations.acquire, tenant, key, session, avoid)
  }

  /** A session is its token or an address; addresses to avoid are a list in JSON. */
  #ask(operation, tenant, key, session, avoid) {
    const id = this.handles.tell(tenant)
    this.integers[SESSION] = session === undefined ? NO_SESSION : session.kind
    this.integers[AVOIDING] = avoid === undefined ? 0 : 1
    if (session === undefined && avoid === undefined) return key === undefined ? operation(id) : operation(id, key)
    return operation(id, ...[session?.text, avoid, key].filter((text) => text !== undefined))
  }

  /** The limits alone: 0, or less for a rejection. */
  check(tenant, pool, cost, amounts) {
    this.#put(pool, cost, amounts)
    return this.operations.check(this.handles.tell(tenant))
  }

  /** What the limits need to know. */
  #put(pool, cost, amounts) {
    if (amounts === undefined) this.integers[DECLARED] = 0
    else this.#declare(amounts)
    this.integers[POOL] = pool === undefined ? NO_POOL : this.names.number(pool)
    this.floats[COST] = cost
  }

  #shape(priority, seats, attempt) {
    this.integers[PRIORITY] = priority
    this.integers[SEATS] = seats
    this.integers[ATTEMPT] = attempt
  }

  #declare(amounts) {
    // Where there are more than there can be dimensions, one of them is none; so one that is none says the same.
    const told = amounts.length > MOST_AMOUNTS ? [['', 0]] : amounts
    // And a pool's.
    this.names.reserve(told.length + 1)
    for (const [place, [name, amount]] of told.entries()) {
      this.integers[DIMENSIONS + place] = this.names.number(name)
      this.floats[AMOUNTS + place] = amount
    }
    this.integers[DECLARED] = told.length
  }

  /** The lease that the last call gave. */
  lease(slot) {
    const generation = this.integers[GENERATION]
    const number = this.integers[ADDRESS]
    const address = this.addresses[number] ?? (this.addresses[number] = this.native.address(number))
    const lease = new Lease(this, slot, generation, address, KEY)
    if (this.leaks !== undefined) this.#watch(lease, slot, generation)
    return lease
  }

  /** The rejection that the last call gave. */
  rejection(result) {
    return rejection(-1 - result, this.floats[FIGURE])
  }

  /** Ends a lease. */
  finish(lease, slot, generation, kind) {
    this.#end(slot, generation, kind)
    if (this.leaks !== undefined) this.leaks.unregister(lease)
    this.waiters.drainSoon()
  }

  /** Ends a lease with what was measured. */
  finishMeasured(lease, slot, generation, kind, measured) {
    const { cost, latencyMs, retryAfterMs, amounts } = measured
    const units = cost === undefined ? NaN : count(cost, 'cost')
    const latency = latencyMs === undefined ? NaN : milliseconds(latencyMs, 'latencyMs')
    const wait = retryAfterMs === undefined ? NaN : milliseconds(retryAfterMs, 'retryAfterMs')
    if (amounts !== undefined) this.report(slot, generation, amountsOf(amounts))
    this.ticket(slot, generation)
    this.integers[KIND] = kind
    this.floats[COST] = units
    this.floats[TIME] = latency
    this.floats[RETRY_AFTER] = wait
    this.operations.finishMeasured()
    if (this.leaks !== undefined) this.leaks.unregister(lease)
    this.waiters.drainSoon()
  }

  /** What has been used of dimensions. */
  report(slot, generation, amounts) {
    this.ticket(slot, generation)
    this.#declare(amounts)
    const result = this.operations.report()
    if (result < 0) throw thrown(this.rejection(result))
  }

  /** The answer begins. */
  firstByte(slot, generation) {
    this.ticket(slot, generation)
    this.operations.firstByte()
    this.waiters.drainSoon()
  }

  /** What the answer tells of its endpoint's limits. */
  reportUpstream(slot, generation, report) {
    const { requests, cost, retryAfterMs } = settings(report, 'report', REPORT)
    const wait = retryAfterMs === undefined ? undefined : milliseconds(retryAfterMs, 'retryAfterMs')
    const told = { requests: limit(requests, 'requests'), cost: limit(cost, 'cost'), retryAfterMs: wait }
    this.native.reportUpstream(slot, generation, told)
    this.waiters.drainSoon()
  }

  /** What the endpoint says of its load. */
  reportLoad(slot, generation, report) {
    const wrong = this.native.reportLoad(slot, generation, report)
    if (typeof wrong === 'string') throw new RangeError(`report: ${wrong}`)
  }

  affinityToken(slot, generation) {
    return this.native.affinityToken(slot, generation) ?? undefined
  }

  acquiredAt(slot, generation) {
    return this.native.acquiredAt(slot, generation) ?? undefined
  }

  poolOf(slot, generation) {
    return this.native.poolOf(slot, generation) ?? undefined
  }

  /** Somebody has been answered, or there are probes. */
  wake() {
    this.waiters.drain()
    this.prober.look()
  }

  /** Says which ticket the next call is about. */
  ticket(slot, generation) {
    this.integers[SLOT] = slot
    this.integers[GENERATION] = generation
  }

  #end(slot, generation, kind) {
    this.ticket(slot, generation)
    this.integers[KIND] = kind
    return this.operations.finish()
  }

  reconfigure(document) {
    const numbered = this.strategies.number(document.functions)
    const refusal = this.native.reconfigure(native(document, numbered))
    if (refusal) {
      this.strategies.forget(numbered)
      throw new ConfigError(refusal)
    }
    this.strategies.keep(numbered)
    // Both sides number anew, so that addresses of old configurations are forgotten.
    this.addresses.length = 0
    this.waiters.drainSoon()
  }

  setTenant(id, text) {
    const refusal = this.native.setTenant(id, text)
    if (refusal) throw new ConfigError(refusal)
    this.waiters.drainSoon()
  }

  changeEndpoints(pool, text) {
    const refusal = this.native.changeEndpoints(pool, text)
    if (refusal) throw new ConfigError(refusal)
    this.endpointsChanged()
  }

  /** As above: addresses come and go. */
  endpointsChanged() {
    this.native.forgetAddresses()
    this.addresses.length = 0
    this.waiters.drainSoon()
  }

  compareEndpoints() {
    const wait = this.native.compareEndpoints() ?? undefined
    this.waiters.drainSoon()
    return wait
  }

  removeTenant(id) {
    const removed = this.native.removeTenant(id)
    if (typeof removed !== 'boolean') throw new ConfigError(removed)
    this.waiters.drainSoon()
    return removed
  }

  overrideHealth(pool, address, health, time) {
    const refusal = this.native.overrideHealth(pool, address, health, time)
    if (refusal) throw new ConfigError(refusal)
    this.waiters.drainSoon()
  }

  #watch(lease, slot, generation) {
    const { stack } = new Error('acquired here')
    this.leaks.register(lease, { slot, generation, stack }, lease)
  }

  #reclaim({ slot, generation, stack }) {
    if (this.#end(slot, generation, CANCELLED) === 0) return
    this.waiters.drainSoon()
    const detail = stack.split('\n').slice(1).join('\n')
    process.emitWarning('A lease was never finished; it has been cancelled.', { code: 'TENANTRY_LEAK', detail })
  }
}

/**
 * What the native side calls when a waiter has been answered or there are probes. It keeps it for as long as it lives, so it must not keep the
 * balancer alive; nor may it be made where another closure has captured that, for closures of one scope share what they capture.
 */
function bell(core) {
  const weak = new WeakRef(core)
  return () => weak.deref()?.wake()
}

/** What the native side calls to ask a strategy that is a function; as above, because functions may refer to their balancer. */
function chooser(strategies) {
  const weak = new WeakRef(strategies)
  return (number, candidates, key, pick) => weak.deref()?.choose(number, candidates, key, pick) ?? -1
}

/** A document as the native side takes it. */
function native({ text, format }, strategies) {
  return { text, format, strategies }
}

function limit(told, name) {
  if (told === undefined) return undefined
  const { left, limit, resetMs, resetAtMs } = settings(told, name, LIMIT)
  return {
    left: count(left, `${name}.left`),
    limit: limit === undefined ? undefined : count(limit, `${name}.limit`),
    resetMs: resetMs === undefined ? undefined : milliseconds(resetMs, `${name}.resetMs`),
    resetAtMs: resetAtMs === undefined ? undefined : milliseconds(resetAtMs, `${name}.resetAtMs`),
  }
}

function usable(opened) {
  if ('fix' in opened) throw new ConfigError(opened)
  return opened
}

const REPORT = ['requests', 'cost', 'retryAfterMs']
const LIMIT = ['left', 'limit', 'resetMs', 'resetAtMs']

module.exports = { Core }

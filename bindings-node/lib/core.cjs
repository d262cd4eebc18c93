'use strict'

const { open } = require('./native.cjs')
const { count, milliseconds, object } = require('./arguments.cjs')
const { ConfigError } = require('./config.cjs')
const { CANCELLED, KEY, Lease } = require('./lease.cjs')
const { ADDRESS, COST, FIGURE, GENERATION, KIND, NO_POOL, POOL, PRIORITY, RETRY_AFTER, SEATS, SLOT, TIME } = require('./mailbox.cjs')
const { Pools } = require('./pools.cjs')
const { rejection } = require('./rejection.cjs')
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
    this.operations = {}
    this.native = usable(open(this.operations, document, clock, bell(waiters)))
    this.integers = new Uint32Array(this.operations.mailbox)
    this.floats = new Float64Array(this.operations.mailbox)
    this.addresses = []
    this.pools = new Pools(this.native)
    this.waiters = waiters
    this.leaks = detectLeaks ? new FinalizationRegistry((leak) => this.#reclaim(leak)) : undefined
  }

  /** Decides now: a slot, or less than 0 for a rejection. */
  tryAcquire(tenant, pool, key, cost, priority, seats) {
    this.#put(pool, cost, priority, seats)
    return key === undefined ? this.operations.tryAcquire(tenant) : this.operations.tryAcquire(tenant, key)
  }

  /** As `tryAcquire`, or WAITING. */
  acquire(tenant, pool, key, cost, priority, seats, timeout) {
    this.#put(pool, cost, priority, seats)
    this.floats[TIME] = timeout
    return key === undefined ? this.operations.acquire(tenant) : this.operations.acquire(tenant, key)
  }

  #put(pool, cost, priority, seats) {
    this.integers[POOL] = pool === undefined ? NO_POOL : this.pools.number(pool)
    this.integers[PRIORITY] = priority
    this.integers[SEATS] = seats
    this.floats[COST] = cost
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
    const { cost, latencyMs, retryAfterMs } = object(measured, 'measured')
    const units = cost === undefined ? NaN : count(cost, 'cost')
    const latency = latencyMs === undefined ? NaN : milliseconds(latencyMs, 'latencyMs')
    const wait = retryAfterMs === undefined ? NaN : milliseconds(retryAfterMs, 'retryAfterMs')
    this.ticket(slot, generation)
    this.integers[KIND] = kind
    this.floats[COST] = units
    this.floats[TIME] = latency
    this.floats[RETRY_AFTER] = wait
    this.operations.finishMeasured()
    if (this.leaks !== undefined) this.leaks.unregister(lease)
    this.waiters.drainSoon()
  }

  /** The answer begins. */
  firstByte(slot, generation) {
    this.ticket(slot, generation)
    this.operations.firstByte()
    this.waiters.drainSoon()
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
    const refusal = this.native.reconfigure(document)
    if (refusal) throw new ConfigError(refusal)
    // Both sides number anew, so that addresses of old configurations are forgotten.
    this.addresses.length = 0
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
 * What the native side calls when a waiter has been answered. It keeps it for as long as it lives, so it must not keep the balancer
 * alive; nor may it be made where another closure has captured that, for closures of one scope share what they capture.
 */
function bell(waiters) {
  const weak = new WeakRef(waiters)
  return () => weak.deref()?.drain()
}

function usable(opened) {
  if ('fix' in opened) throw new ConfigError(opened)
  return opened
}

module.exports = { Core }

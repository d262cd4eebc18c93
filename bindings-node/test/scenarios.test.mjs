import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { Balancer, ConfigError, ManualClock } from 'tenantry'

// The scenarios that Rust and Python replay too; `vectors/README.md` says what the steps mean. Without the file this test fails.
const { scenarios } = JSON.parse(readFileSync(new URL('../../vectors/scenarios.json', import.meta.url), 'utf8'))

test('there are enough scenarios to mean something', () => {
  assert.ok(scenarios.length >= 20)
})

for (const scenario of scenarios) {
  test(`scenario: ${scenario.name}`, async () => {
    const replay = new Replay(scenario.config)
    for (const [number, step] of scenario.steps.entries()) {
      assert.deepEqual(await replay.take(step), step.expect, `step ${number}: ${JSON.stringify(step)}`)
    }
    const { tenants, pools } = replay.balancer.stats()
    for (const one of [...tenants, ...pools]) assert.equal(one.inFlight + one.waiting, 0, JSON.stringify(one))
  })
}

class Replay {
  clock = new ManualClock()
  leases = new Map()
  waiting = new Map()

  constructor(config) {
    this.balancer = new Balancer(config, { clock: this.clock })
  }

  /** Takes one step and says what came of it. */
  async take(step) {
    if (step.advance_ns !== undefined) return this.clock.advance(step.advance_ns)
    if (step.acquire) return this.keep(step.as, this.balancer.tryAcquire(step.acquire.tenant, options(step.acquire)))
    if (step.wait) return this.wait(step)
    if (step.poll) return this.poll(step.poll)
    if (step.finish) return this.withLease(step.finish, (lease) => lease.finish(step.outcome, measured(step)))
    if (step.first_byte) return this.leases.get(step.first_byte).firstByte()
    if (step.drop) return this.drop(step.drop)
    return this.reconfigure(step.reconfigure)
  }

  wait({ as, wait }) {
    const abort = new AbortController()
    const waiter = { abort, answer: undefined }
    const settle = (answer) => void (waiter.answer = answer)
    this.balancer.acquire(wait.tenant, { ...options(wait), signal: abort.signal }).then(settle, settle)
    this.waiting.set(as, waiter)
  }

  async poll(name) {
    await wakesDelivered()
    const { answer } = this.waiting.get(name)
    if (answer === undefined) return 'pending'
    this.waiting.delete(name)
    return this.keep(name, answer)
  }

  async drop(name) {
    if (this.leases.has(name)) return this.withLease(name, (lease) => lease[Symbol.dispose]())
    const waiter = this.waiting.get(name)
    assert.ok(waiter, `${name} is neither`)
    this.waiting.delete(name)
    waiter.abort.abort()
    await wakesDelivered()
    // It had its answer already: dropping that is dropping the lease.
    if (waiter.answer?.ok) waiter.answer[Symbol.dispose]()
  }

  reconfigure(config) {
    try {
      this.balancer.reconfigure(config)
      return 'ok'
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return { path: error.path }
    }
  }

  keep(name, answer) {
    if (answer.ok) {
      this.leases.set(name, answer)
      return { endpoint: answer.address }
    }
    const { code, retryAfterMs } = answer
    return retryAfterMs === undefined
      ? { rejection: code }
      : { rejection: code, retry_after_ns: Math.round(retryAfterMs * 1e6) }
  }

  withLease(name, act) {
    const lease = this.leases.get(name)
    assert.ok(lease, `${name} is a lease`)
    this.leases.delete(name)
    act(lease)
  }
}

/** Two turns of the event loop: the first may end before the native side's call is looked for, the second comes after it. */
function wakesDelivered() {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

function options({ pool, key, cost, priority, seats, timeout_ns: timeout }) {
  return { pool, key, cost, priority, seats, timeoutMs: timeout === undefined ? undefined : timeout / 1e6 }
}

function measured({ cost, latency_ns: latency, retry_after_ns: wait }) {
  return {
    cost,
    latencyMs: latency === undefined ? undefined : latency / 1e6,
    retryAfterMs: wait === undefined ? undefined : wait / 1e6,
  }
}

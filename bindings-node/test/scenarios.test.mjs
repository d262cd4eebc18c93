import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { Balancer, ConfigError, ManualClock, Rejection } from 'tenantry'

// The scenarios that Rust and Python replay too; `vectors/README.md` says what the steps mean. Without the file this test fails.
const { scenarios } = JSON.parse(readFileSync(new URL('../../vectors/scenarios.json', import.meta.url), 'utf8'))

test('there are enough scenarios to mean something', () => {
  assert.ok(scenarios.length >= 20)
})

for (const scenario of scenarios) {
  test(`scenario: ${scenario.name}`, async () => {
    const replay = new Replay(scenario)
    for (const [number, step] of scenario.steps.entries()) {
      assert.deepEqual(await replay.take(step), step.expect, `step ${number}: ${JSON.stringify(step)}`)
    }
    const { tenants, pools } = replay.balancer.stats()
    for (const one of [...tenants, ...pools]) assert.equal(one.inFlight + one.waiting, 0, JSON.stringify(one))
  })
}

class Replay {
  leases = new Map()
  waiting = new Map()

  constructor({ config, unix_s: unix = 0 }) {
    this.clock = new ManualClock({ unixMs: unix * 1e3 })
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
    if (step.check) return verdict(this.balancer.check(step.check.tenant, options(step.check)))
    if (step.report) return this.report(step.report, step.amounts)
    if (step.limits) return this.balancer.limitsOf(step.limits).map(({ unit, used }) => [unit, used])
    if (step.set_tenant) return updated(() => this.balancer.setTenant(step.set_tenant, step.spec))
    if (step.change_endpoints) return updated(() => this.balancer.changeEndpoints(step.change_endpoints, step.changes))
    if (step.token) return this.leases.get(step.token).affinityToken
    if (step.remove_tenant) return updated(() => this.balancer.removeTenant(step.remove_tenant))
    return updated(() => this.balancer.reconfigure(step.reconfigure))
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

  report(name, amounts) {
    try {
      for (const [dimension, amount] of Object.entries(amounts)) this.leases.get(name).report(dimension, amount)
      return undefined
    } catch (error) {
      if (!(error instanceof Rejection)) throw error
      return verdict(error)
    }
  }

  keep(name, answer) {
    if (!answer.ok) return verdict(answer)
    this.leases.set(name, answer)
    return { endpoint: answer.address }
  }

  withLease(name, act) {
    const lease = this.leases.get(name)
    assert.ok(lease, `${name} is a lease`)
    this.leases.delete(name)
    act(lease)
  }
}

function verdict({ ok, code, retryAfterMs }) {
  if (ok) return 'ok'
  return retryAfterMs === undefined
    ? { rejection: code }
    : { rejection: code, retry_after_ns: Math.round(retryAfterMs * 1e6) }
}

/** What an update has done, or where it is wrong. */
function updated(update) {
  try {
    return update() ?? 'ok'
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { path: error.path }
  }
}

/** Two turns of the event loop: the first may end before the native side's call is looked for, the second comes after it. */
function wakesDelivered() {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

function options({ timeout_ns: timeout, tenant: _, ...others }) {
  return timeout === undefined ? others : { ...others, timeoutMs: timeout / 1e6 }
}

function measured({ cost, amounts, latency_ns: latency, retry_after_ns: wait }) {
  return {
    cost,
    amounts,
    latencyMs: latency === undefined ? undefined : latency / 1e6,
    retryAfterMs: wait === undefined ? undefined : wait / 1e6,
  }
}

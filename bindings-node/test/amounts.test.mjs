import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer, ManualClock, Rejection } from 'tenantry'

function balancer(dimensions = ['input_units', 'output_units']) {
  const budget = dimensions.slice(0, 2).map((dimension) => ({ [dimension]: 1_000, per: 'day' }))
  const pools = { api: { endpoints: ['http://10.0.0.1:80'], capacity: 4 } }
  const clock = new ManualClock()
  return { clock, lb: new Balancer({ dimensions, pools, tenants: { acme: { budget } } }, { clock }) }
}

function used(lb) {
  return Object.fromEntries(lb.limitsOf('acme').map(({ unit, used }) => [unit, used]))
}

test('what is declared is reserved, and what is reported last is what counts', async () => {
  const { lb } = balancer()
  const lease = lb.tryAcquire('acme', { amounts: { input_units: 500, output_units: 200 } })
  assert.deepEqual(used(lb), { input_units: 500, output_units: 200 })
  lease.report('output_units', 900)
  lease.report('output_units', 300)
  lease.finish('success', { amounts: { input_units: 450 } })
  assert.deepEqual(used(lb), { input_units: 450, output_units: 300 })
  const waited = await lb.acquire('acme', { amounts: { input_units: 50 } })
  waited.report('output_units', 7)
  waited[Symbol.dispose]()
  assert.deepEqual(used(lb), { input_units: 500, output_units: 307 })
  // It has ended.
  waited.report('output_units', 999)
  waited.finish('success', { amounts: { output_units: 999 } })
  assert.deepEqual(used(lb), { input_units: 500, output_units: 307 })
})

test('the next request declares its own amounts, or none', () => {
  const { lb } = balancer()
  lb.tryAcquire('acme', { amounts: { input_units: 600 } }).finish()
  lb.tryAcquire('acme').finish()
  lb.tryAcquire('acme', { amounts: {} }).finish()
  lb.check('acme', { cost: 3 })
  assert.deepEqual(used(lb), { input_units: 600, output_units: 0 })
})

test('a check uses what it declares, and a spent budget says when to return', () => {
  const { lb } = balancer()
  assert.equal(lb.check('acme', { amounts: { input_units: 1_000 } }).ok, true)
  const denied = lb.check('acme', { amounts: { input_units: 1 } })
  assert.deepEqual([denied.code, denied.retryAfterMs], ['BUDGET_EXHAUSTED', 86_400_000])
  assert.equal(lb.tryAcquire('acme', { amounts: { output_units: 1_001 } }).code, 'COST_TOO_HIGH')
})

test('an unknown dimension is refused or thrown, nothing is taken down, and the lease goes on', () => {
  const { lb } = balancer()
  assert.equal(lb.tryAcquire('acme', { amounts: { input_units: 5, tokens: 1 } }).code, 'UNKNOWN_DIMENSION')
  const lease = lb.tryAcquire('acme', { amounts: { input_units: 5 } })
  for (const act of [() => lease.report('tokens', 1), () => lease.finish('success', { amounts: { input_units: 9, tokens: 1 } })]) {
    assert.throws(act, (error) => error instanceof Rejection && error.code === 'UNKNOWN_DIMENSION' && error.permanent)
  }
  assert.equal(lb.poolStats('api').inFlight, 1)
  lease.finish()
  assert.deepEqual(used(lb), { input_units: 5, output_units: 0 })
})

test('as many dimensions as there can be, and one more', () => {
  const names = Array.from({ length: 8 }, (_, number) => `d${number}`)
  const { lb } = balancer(names)
  const amounts = Object.fromEntries(names.map((name, number) => [name, number + 1]))
  lb.tryAcquire('acme', { amounts }).finish('success', { amounts: { ...amounts, d1: 70 } })
  assert.deepEqual(used(lb), { d0: 1, d1: 70 })
  assert.equal(lb.tryAcquire('acme', { amounts: { ...amounts, d8: 1 } }).code, 'UNKNOWN_DIMENSION')
})

test('names keep their numbers right while thousands of others are forgotten', () => {
  const { lb } = balancer()
  for (let turn = 0; turn < 3_000; turn++) {
    assert.equal(lb.tryAcquire('acme', { pool: `p${turn}`, amounts: { [`x${turn}`]: 1, input_units: 1 } }).ok, false)
    if (turn % 100 === 0) lb.tryAcquire('acme', { pool: 'api', amounts: { input_units: 1, output_units: 2 } }).finish()
  }
  assert.deepEqual(used(lb), { input_units: 30, output_units: 60 })
})

test('getters of amounts may ask again, and mix up nothing', () => {
  const { lb } = balancer()
  const amounts = {
    get input_units() {
      lb.check('acme', { amounts: { output_units: 10 } })
      return 3
    },
    output_units: 1,
  }
  const lease = lb.tryAcquire('acme', { amounts })
  lease.finish('success', { amounts })
  assert.deepEqual(used(lb), { input_units: 3, output_units: 21 })
})

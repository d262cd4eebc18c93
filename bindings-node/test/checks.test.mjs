import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer, ManualClock, Rejection } from 'tenantry'

const API = { api: { endpoints: ['http://10.0.0.1:80'], capacity: 1 } }

function balancer(tenants, pools = API) {
  const clock = new ManualClock()
  return { clock, lb: new Balancer({ pools, tenants }, { clock }) }
}

test('a check uses the rate and takes no seat', () => {
  const { clock, lb } = balancer({ acme: { rate: '2/s' } })
  const seat = lb.tryAcquire('acme')
  // The only seat is taken, and a check needs none.
  assert.deepEqual(lb.check('acme'), { ok: true })
  const denied = lb.check('acme')
  assert.ok(denied instanceof Rejection)
  assert.deepEqual([denied.ok, denied.code, denied.retryAfterMs], [false, 'RATE_LIMITED', 500])
  clock.advance(499_999_999)
  assert.equal(lb.check('acme').ok, false)
  clock.advance(1)
  assert.equal(lb.check('acme').ok, true)
  seat.finish()
  assert.equal(lb.poolStats('api').inFlight, 0)
})

test('a check counts the cost and asks the parents', () => {
  const { lb } = balancer({ org: { rate: { cost: 10, per: '1s' } }, acme: { parent: 'org' } })
  assert.equal(lb.check('acme', { cost: 7 }).ok, true)
  assert.equal(lb.check('acme', { cost: 4 }).code, 'RATE_LIMITED')
  assert.equal(lb.check('acme', { cost: 3 }).ok, true)
  const costly = lb.check('acme', { cost: 11 })
  assert.deepEqual([costly.code, costly.limit], ['COST_TOO_HIGH', 10])
  const { inFlight, completed } = lb.tenantStats('acme')
  assert.deepEqual([inFlight, completed], [0, 2])
})

test('a check needs no pool and knows a forbidden one', () => {
  const { lb } = balancer({ acme: { pools: ['other'] } }, { ...API, other: { endpoints: ['http://10.0.0.9:80'] } })
  assert.equal(lb.check('acme').ok, true)
  assert.equal(lb.check('acme', { pool: 'other' }).ok, true)
  assert.equal(lb.check('acme', { pool: 'api' }).code, 'POOL_FORBIDDEN')
  assert.equal(lb.check('acme', { pool: 'apl' }).code, 'UNKNOWN_POOL')
  assert.equal(lb.check('nobody').code, 'UNKNOWN_TENANT')
})

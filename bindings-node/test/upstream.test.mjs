import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer, ManualClock } from 'tenantry'

function balancer(...endpoints) {
  const clock = new ManualClock()
  const config = { pools: { api: { endpoints, capacity: 8 } }, tenants: { acme: {} } }
  return { clock, lb: new Balancer(config, { clock }) }
}

test('a configured rate of an endpoint is kept, and its return is exact', () => {
  const { clock, lb } = balancer({ address: 'http://a:1', rate: ['2/s', { cost: 10, per: '1m' }] })
  for (let i = 0; i < 2; i++) lb.tryAcquire('acme').finish()
  const refused = lb.tryAcquire('acme')
  assert.equal(refused.code, 'UPSTREAM_LIMITED')
  assert.equal(refused.retryAfterMs, 500)
  assert.equal(lb.stats().pools[0].endpoints[0].requestsLeft, 0)
  clock.advance(500_000_000)
  lb.tryAcquire('acme').finish()
})

test('what an answer tells holds until its reset', () => {
  const { clock, lb } = balancer('http://a:1')
  const lease = lb.tryAcquire('acme')
  lease.reportUpstream({ requests: { left: 0, limit: 60, resetMs: 2500 }, cost: { left: 7, resetMs: 60_000 } })
  lease.finish()
  lease.reportUpstream({ retryAfterMs: 60_000 })
  assert.equal(lb.tryAcquire('acme').retryAfterMs, 2500)
  const { requestsLeft, costLeft, returnsInMs } = lb.stats().pools[0].endpoints[0]
  assert.deepEqual([requestsLeft, costLeft, returnsInMs], [0, 7, 2500])
  assert.deepEqual(lb.takeEvents().map(({ event }) => event), ['upstream_spent'])
  clock.advance(2_500_000_000)
  lb.tryAcquire('acme').finish()
})

test('requests wait for the return under a real clock', async () => {
  const endpoints = [{ address: 'http://a:1', rate: { requests: 1, per: '20ms' } }]
  const lb = new Balancer({ pools: { api: { endpoints } }, tenants: { acme: {} } })
  // A lost wake-up would end in TIMED_OUT.
  const one = async () => (await lb.acquire('acme')).finish()
  await Promise.all([one(), one(), one(), one()])
  assert.equal(lb.stats().pools[0].waiting, 0)
})

test('a report that makes no sense is an error', () => {
  const { lb } = balancer('http://a:1')
  const lease = lb.tryAcquire('acme')
  for (const report of [undefined, { requests: {} }, { requests: { left: -1 } }, { cost: { left: 1, resetMs: -1 } }, { retryAfterMs: 'soon' }]) {
    assert.throws(() => lease.reportUpstream(report), /must be/)
  }
  lease.finish()
})

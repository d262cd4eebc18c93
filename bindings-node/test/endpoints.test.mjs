import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer, ConfigError } from 'tenantry'

const ADDRESSES = ['http://10.0.0.1:80', 'http://10.0.0.2:80']
const NEW = 'http://10.0.0.3:80'

function balancer() {
  const api = { endpoints: ADDRESSES, strategy: 'round_robin', capacity: 8 }
  return new Balancer({ seed: 7, pools: { api }, tenants: { acme: {} } })
}

/** Who gets twelve requests, each as often as it gets one. */
function served(lb) {
  return Array.from({ length: 12 }, () => {
    const lease = lb.tryAcquire('acme')
    lease.finish()
    return lease.address
  }).sort()
}

const times = (count, address) => Array.from({ length: count }, () => address)

test('endpoints are added, reweighed, drained and removed while leases are out', () => {
  const lb = balancer()
  const held = lb.tryAcquire('acme')
  lb.changeEndpoints('api', { add: [{ address: NEW, weight: 2 }], drain: [ADDRESSES[0]] })
  assert.deepEqual(served(lb), [...times(4, ADDRESSES[1]), ...times(8, NEW)])
  lb.changeEndpoints('api', { resume: [ADDRESSES[0]], reweigh: { [NEW]: 0 } })
  assert.deepEqual(served(lb), [...times(6, ADDRESSES[0]), ...times(6, ADDRESSES[1])])
  lb.changeEndpoints('api', { remove: [held.address, ADDRESSES[1]], add: [{ address: NEW, weight: 1 }] })
  assert.deepEqual(served(lb), times(12, NEW))
  held.finish()
  assert.deepEqual(lb.poolStats('api').endpoints.map(({ address }) => address), [NEW])
})

test('a refused change names path and fix, and changes nothing', () => {
  const lb = balancer()
  const before = lb.poolStats('api')
  for (const [pool, changes, path] of [
    ['nowhere', {}, 'pools.nowhere'],
    ['a b', { ad: [] }, 'pools."a b".endpoints.ad'],
    ['api', { ad: [] }, 'pools.api.endpoints.ad'],
    ['api', { drain: ADDRESSES[0] }, 'pools.api.endpoints.drain'],
    ['api', { add: [NEW, { address: NEW, wieght: 2 }] }, 'pools.api.endpoints.add[1].wieght'],
    ['api', { add: [{ address: NEW, weight: NaN }] }, 'pools.api.endpoints.add[0].weight'],
    ['api', { add: ['http://a b'] }, 'pools.api.endpoints[2].address'],
    ['api', { reweigh: { [NEW]: -1 } }, `pools.api.endpoints.reweigh."${NEW}"`],
    ['api', { remove: [NEW] }, 'pools.api.endpoints'],
    ['api', { remove: [Symbol('x')] }, 'pools.api.endpoints.remove[0]'],
    ['api', { add: [{ address: NEW, weight: () => 1 }] }, 'pools.api.endpoints.add[0].weight'],
  ]) {
    const refused = (error) => error instanceof ConfigError && error.path === path && error.fix.length > 3
    assert.throws(() => lb.changeEndpoints(pool, changes), refused, path)
    assert.deepEqual(lb.poolStats('api'), before)
  }
  for (const wrong of [undefined, null, [], 'drain', new Map()]) {
    assert.throws(() => lb.changeEndpoints('api', wrong), /^TypeError: changes must be an object/)
  }
  for (const wrong of [undefined, 7]) assert.throws(() => lb.changeEndpoints(wrong, {}), /^TypeError: pool must be a string/)
  assert.throws(() => lb.changeEndpoints('\ud800', {}), /^RangeError: pool must be well-formed/)
})

test('the only endpoint that was added lets those go on who wait', async () => {
  const lb = new Balancer({ pools: { api: { endpoints: [{ address: ADDRESSES[0], max_in_flight: 1 }] } }, tenants: { acme: {} } })
  const held = lb.tryAcquire('acme')
  const waiting = lb.acquire('acme')
  lb.changeEndpoints('api', { add: [NEW] })
  const lease = await waiting
  assert.equal(lease.address, NEW)
  for (const one of [held, lease]) one.finish()
})

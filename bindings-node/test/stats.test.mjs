import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer, EventCursor, ManualClock } from 'tenantry'
import balancerModule from '../lib/balancer.cjs'

const ENDPOINTS = [{ address: 'http://a:1', weight: 3, rate: ['5/s', { cost: 100, per: '1m' }] }, 'http://b:1']
const TENANTS = { acme: { weight: 4, parent: 'org' }, org: { weight: 2 }, other: {} }

function balancer(more = {}) {
  const pools = { api: { endpoints: ENDPOINTS, capacity: 1, ...more } }
  return new Balancer({ pools, tenants: TENANTS }, { clock: new ManualClock() })
}

/** The core's name of a figure as JavaScript has it. */
function renamed(name) {
  return name.replace(/_s$/, '_ms').replace(/_[a-z]/g, ([, letter]) => letter.toUpperCase())
}

test('every figure of the core is here, under its name', () => {
  const lb = balancer()
  const core = JSON.parse(balancerModule.coreOf(lb).native.stats())
  const stats = lb.stats()
  const parts = (all) => [all, all.tenants[0], all.other, all.pools[0], all.pools[0].retries, all.pools[0].hedges, all.pools[0].endpoints[0]]
  for (const [place, part] of parts(core).entries()) {
    assert.deepEqual(Object.keys(parts(stats)[place]).sort(), Object.keys(part).map(renamed).sort())
  }
})

test('weights are told, of endpoints as they are now, and who drains', () => {
  const lb = balancer()
  const endpoints = () => lb.poolStats('api').endpoints.map(({ address, weight, draining }) => [address, weight, draining])
  assert.deepEqual(endpoints(), [['http://a:1', 3, false], ['http://b:1', 1, false]])
  lb.changeEndpoints('api', { reweigh: { 'http://a:1': 7 }, drain: ['http://b:1'] })
  assert.deepEqual(endpoints(), [['http://a:1', 7, false], ['http://b:1', 1, true]])
  assert.deepEqual(['acme', 'other'].map((tenant) => lb.tenantStats(tenant).weight), [4, 1])
  assert.equal(lb.stats().other.weight, 0)
})

test('of how much an endpoint’s limits leave so much is told where it is known', () => {
  const lb = balancer()
  const [limited, unlimited] = lb.poolStats('api').endpoints
  const left = ({ requestsLeft, requestsLimit, costLeft, costLimit }) => [requestsLeft, requestsLimit, costLeft, costLimit]
  assert.deepEqual([left(limited), left(unlimited)], [[5, 5, 100, 100], [undefined, undefined, undefined, undefined]])
})

test('a panic is told while it lasts', () => {
  const lb = balancer()
  assert.equal(lb.poolStats('api').panic, false)
  for (const address of ['http://a:1', 'http://b:1']) lb.overrideHealth('api', address, 'ejected')
  assert.equal(lb.poolStats('api').panic, true)
  for (const address of ['http://a:1', 'http://b:1']) lb.clearHealthOverride('api', address)
  assert.equal(lb.poolStats('api').panic, false)
})

test('refused requests are counted by code', () => {
  const lb = balancer()
  assert.deepEqual(lb.poolStats('api').rejections, {})
  const lease = lb.tryAcquire('acme')
  for (const tenant of ['acme', 'other', 'nobody']) lb.tryAcquire(tenant)
  lease.finish()
  assert.deepEqual(lb.poolStats('api').rejections, { SATURATED: 2, UNKNOWN_TENANT: 1 })
})

test('every reader of events has a place of its own', () => {
  const lb = balancer()
  const [one, other] = [new EventCursor(), new EventCursor()]
  const told = (events) => events.map(({ event, to }) => [event, to])
  lb.overrideHealth('api', 'http://a:1', 'disabled')
  assert.deepEqual(told(lb.eventsSince(one)), [['health_overridden', 'disabled']])
  assert.deepEqual(told(lb.takeEvents()), [['health_overridden', 'disabled']])
  lb.clearHealthOverride('api', 'http://a:1')
  assert.deepEqual(told(lb.eventsSince(one)), [['health_overridden', undefined]])
  assert.deepEqual(lb.eventsSince(one), [])
  assert.equal(lb.eventsSince(other).length, 2)
  const forged = Object.create(EventCursor.prototype)
  for (const wrong of [undefined, null, 0, 'start', {}, forged, new Proxy(one, {})]) {
    assert.throws(() => lb.eventsSince(wrong), { name: 'TypeError', message: /^cursor must be an EventCursor, not / })
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer, ConfigError, ManualClock } from 'tenantry'

function balancer(pool = {}) {
  const clock = new ManualClock()
  const api = { endpoints: ['a', 'b'], strategy: 'round_robin', capacity: 8, ...pool }
  return { clock, lb: new Balancer({ pools: { api }, tenants: { acme: {} } }, { clock }) }
}

function served(lb) {
  const addresses = new Set()
  for (let i = 0; i < 12; i++) {
    const lease = lb.tryAcquire('acme')
    addresses.add(lease.address)
    lease.finish()
  }
  return [...addresses].sort()
}

function health(lb, place) {
  const { health, overridden } = lb.stats().pools[0].endpoints[place]
  return [health, overridden]
}

test('endpoints are compared when that is asked for, and due', () => {
  const rules = { consecutive_failures: 1_000, success_rate: 'off', failure_percentage: 30, latency: 'off' }
  const { clock, lb } = balancer({ health: { outlier: rules } })
  for (let i = 0; i < 120; i++) {
    const lease = lb.tryAcquire('acme')
    lease.finish(lease.address === 'a' ? 'failure' : 'success')
  }
  clock.advance(10_000_000_000)
  assert.equal(lb.compareEndpoints(), 10_000)
  assert.equal(health(lb, 0)[0], 'ejected')
  assert.deepEqual(lb.takeEvents().map(({ reason }) => reason), ['failure_percentage'])
  clock.advance(2_500_000_000)
  assert.equal(lb.compareEndpoints(), 7_500)
  assert.equal(balancer({ health: { outlier: { ...rules, failure_percentage: 'off' } } }).lb.compareEndpoints(), undefined)
})

test('an operator’s word counts for its time or until it is taken back', () => {
  const { clock, lb } = balancer()
  lb.overrideHealth('api', 'a', 'disabled', { durationMs: 1500 })
  assert.deepEqual([served(lb), health(lb, 0)], [['b'], ['disabled', true]])
  clock.advance(1_500_000_000)
  assert.deepEqual([served(lb), health(lb, 0)], [['a', 'b'], ['healthy', false]])
  lb.overrideHealth('api', 'b', 'ejected')
  assert.deepEqual(served(lb), ['a'])
  lb.clearHealthOverride('api', 'b')
  assert.deepEqual(served(lb), ['a', 'b'])
  assert.deepEqual(lb.takeEvents(), [
    { event: 'health_overridden', pool: 'api', endpoint: 'a', to: 'disabled', forMs: 1500 },
    { event: 'health_overridden', pool: 'api', endpoint: 'b', to: 'ejected', forMs: undefined },
    { event: 'health_overridden', pool: 'api', endpoint: 'b', to: undefined, forMs: undefined },
  ])
})

test('a word that is none is an error, and what is not there is named', () => {
  const { lb } = balancer()
  for (const health of ['down', '', 'Disabled']) assert.throws(() => lb.overrideHealth('api', 'a', health), RangeError)
  assert.throws(() => lb.overrideHealth('api', 'a', 5), TypeError)
  for (const durationMs of [-1, NaN]) assert.throws(() => lb.overrideHealth('api', 'a', 'healthy', { durationMs }), RangeError)
  assert.throws(() => lb.overrideHealth('web', 'a', 'disabled'), (error) => error instanceof ConfigError && /pools\.web/.test(error.message))
  assert.throws(() => lb.clearHealthOverride('api', 'z'), /pools\.api\.endpoints/)
  assert.deepEqual(served(lb), ['a', 'b'])
})

test('an endpoint cools down for as long as it says', () => {
  const { clock, lb } = balancer({ health: { cooldown: '2s' } })
  const lease = lb.tryAcquire('acme')
  const other = lease.address === 'a' ? 'b' : 'a'
  lease.finish('overload', { retryAfterMs: 60_000 })
  assert.deepEqual(served(lb), [other])
  assert.deepEqual(lb.takeEvents().map(({ event, forMs }) => [event, forMs]), [['endpoint_cooling_down', 2000]])
  clock.advance(2_000_000_000)
  assert.deepEqual(served(lb), ['a', 'b'])
})

test('strictly nobody is asked too early', () => {
  const endpoints = ['a', 'b'].map((address) => ({ address, credential: 'one' }))
  const { lb } = balancer({ endpoints, health: { cooldown: { scope: 'credential', strict: true } } })
  lb.tryAcquire('acme').finish('overload', { retryAfterMs: 60_000 })
  const refused = lb.tryAcquire('acme')
  assert.deepEqual([refused.code, refused.retryAfterMs], ['UPSTREAM_LIMITED', 60_000])
})

test('an ejection is told with its evidence', () => {
  const { clock, lb } = balancer()
  for (let i = 0; i < 10; i++) {
    const lease = lb.tryAcquire('acme')
    lease.finish(lease.address === 'a' ? 'failure' : 'success')
  }
  const [{ event, endpoint, reason, evidence }, ...rest] = lb.takeEvents()
  assert.deepEqual([event, endpoint, reason, evidence, rest], ['endpoint_ejected', 'a', 'consecutive_failures', '5 failures in a row', []])
  clock.advance(33_000_000_000)
  served(lb)
  assert.deepEqual(lb.takeEvents(), [{ event: 'endpoint_returned', pool: 'api', endpoint: 'a' }])
})

function fail(lb, times, cause) {
  while (times > 0) {
    const lease = lb.tryAcquire('acme')
    const bad = lease.address === 'a'
    times -= bad ? 1 : 0
    lease.finish(bad ? 'failure' : 'success', { cause })
  }
}

test('gateway failures count apart, and shadow mode only tells', () => {
  const rules = { consecutive_gateway_failures: 2, success_rate: 'off', failure_percentage: 40, latency: { factor: 8 } }
  for (const cause of ['gateway', 'connection', 'timeout']) {
    const { lb } = balancer({ health: { outlier: rules } })
    fail(lb, 1, 'application')
    fail(lb, 1, cause)
    assert.deepEqual(served(lb), ['a', 'b'])
    fail(lb, 2, cause)
    assert.deepEqual(served(lb), ['b'])
    assert.deepEqual(lb.takeEvents().map(({ event, reason }) => [event, reason]), [['endpoint_ejected', 'consecutive_gateway_failures']])
  }
  const { lb } = balancer({ health: { outlier: { ...rules, shadow: true } } })
  fail(lb, 2, 'timeout')
  assert.deepEqual(served(lb), ['a', 'b'])
  assert.deepEqual(lb.takeEvents().map(({ event }) => event), ['outlier_shadowed'])
  assert.deepEqual(lb.stats().pools[0].endpoints.map(({ shadowEjections }) => shadowEjections), [1, 0])
})

test('a cause that is none is an error, and the lease stays', () => {
  const { lb } = balancer()
  const lease = lb.tryAcquire('acme')
  assert.throws(() => lease.finish('failure', { cause: 'tcp' }), RangeError)
  assert.throws(() => lease.finish('failure', { cause: 5 }), TypeError)
  assert.equal(lb.poolStats('api').inFlight, 1)
  lease.finish('failure', { cause: 'application' })
  assert.equal(lb.poolStats('api').inFlight, 0)
})

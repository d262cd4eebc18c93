import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { Balancer, ConfigError, Discovery, ManualClock } from 'tenantry'

import balancerModule from '../lib/balancer.cjs'

const ADDRESSES = ['http://10.0.0.1:80', 'http://10.0.0.2:80']
const [THIRD, FOURTH] = ['http://10.0.0.3:80', 'http://10.0.0.4:80']

const config = (pool = {}) => ({ seed: 7, pools: { api: { endpoints: ADDRESSES, ...pool } }, tenants: { acme: {} } })
const addresses = (lb) => lb.poolStats('api').endpoints.map(({ address }) => address)

function* broken() {
  yield THIRD
  throw new Error('broken off')
}

/** Collects what can be collected, until that has been seen, or for a while. */
async function collectedUntil(seen) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  for (let round = 0; round < 100 && !seen(); round++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function balancer(pool) {
  const clock = new ManualClock()
  return { clock, lb: new Balancer(config(pool), { clock }) }
}

test('what is found becomes the pool\'s, beside what it names', () => {
  const { clock, lb } = balancer()
  const discovery = lb.discovery('api', 'dns api.internal', { jitter: 0 })
  assert.equal(discovery.dueInMs(), 0)
  clock.advance(7)
  discovery.found(new Set([THIRD]), 60_000)
  discovery.found([THIRD, { address: FOURTH, weight: 3 }], 60_000)
  assert.deepEqual(addresses(lb), [...ADDRESSES, THIRD, FOURTH])
  discovery.found([FOURTH], 0)
  assert.deepEqual(addresses(lb), [...ADDRESSES, FOURTH])
  assert.equal(discovery.dueInMs(), 5_000, 'the floor')
  const expected = {
    pool: 'api', source: 'dns api.internal', endpoints: 1, lastSuccessNs: 7n, lastFailure: undefined, failures: 0, nextRefreshNs: 5_000_000_007n,
  }
  assert.deepEqual([discovery.status(), lb.discoveries()], [expected, [expected]])
  const events = lb.takeEvents().map(({ event, added, removed, endpoints }) => [event, added, removed, endpoints])
  assert.deepEqual(events, [['endpoints_discovered', 1, 0, 3], ['endpoints_discovered', 1, 0, 4], ['endpoints_discovered', 0, 1, 3]])
  lb.reconfigure(config())
  assert.deepEqual(addresses(lb), [...ADDRESSES, FOURTH], 'another configuration does not take away what was found')
})

test('failures change nothing, are seen, and back off', () => {
  const { lb } = balancer()
  const discovery = lb.discovery('api', 'file', { jitter: 0, firstRetryMs: 2_000, longestRetryMs: 3_000 })
  discovery.found([THIRD], null)
  const waits = [1, 2, 3].map(() => {
    discovery.failed('gone')
    return discovery.dueInMs()
  })
  assert.deepEqual(waits, [2_000, 3_000, 3_000])
  assert.deepEqual(discovery.status().lastFailure, { atNs: 0n, problem: 'gone' })
  assert.deepEqual([discovery.status().failures, discovery.status().lastSuccessNs], [3, 0n])
  discovery.found([THIRD], null)
  discovery.note('one of two name servers is silent')
  assert.deepEqual([discovery.status().failures, discovery.status().lastFailure.problem], [0, 'one of two name servers is silent'])
  assert.equal(discovery.dueInMs(), 0, 'the source itself waits')
  assert.deepEqual(lb.takeEvents().map(({ event }) => event), ['endpoints_discovered', 'discovery_failed', 'discovery_recovered'])
  assert.deepEqual(addresses(lb), [...ADDRESSES, THIRD])
})

test('an answer that cannot be used is an error and a failure', () => {
  const wrong = [
    [[], /^ConfigError: .*an empty answer leaves the pool as it is/],
    [['a', 'b', 'c'], /^ConfigError: .*find at most 2/],
    [[{ adress: 'a' }], /^ConfigError: pools\.api\.endpoints\[0\]\.adress/],
    [[{ address: 'a', weight: NaN }], /^ConfigError: pools\.api\.endpoints\[0\]\.weight: NaN cannot be used/],
    [['a', 'a'], /^ConfigError: pools\.api\.endpoints\[1\]\.address/],
    [THIRD, /^TypeError: endpoints must be an array of addresses or endpoints, not a string/],
    [new Map([['a', 1]]), /^TypeError: endpoints must be an array/],
    [undefined, /^TypeError: endpoints must be an array/],
    [broken(), /^Error: broken off/],
    [[THIRD], /^TypeError: ttlMs must be a number, not undefined/, undefined],
    [[THIRD], /^TypeError: ttlMs must be a number, not a string/, '60'],
    [[THIRD], /^RangeError: ttlMs must be milliseconds from 0 on, not NaN/, NaN],
    [[THIRD], /^RangeError: ttlMs must be finite milliseconds from 0 on, not Infinity/, Infinity],
  ]
  for (const [answer, told, ...ttl] of wrong) {
    const { lb } = balancer()
    const discovery = lb.discovery('api', 'file', { mostEndpoints: 2 })
    assert.throws(() => discovery.found(answer, ttl.length === 0 ? 60_000 : ttl[0]), told)
    assert.equal(discovery.status().failures, 1)
    assert.ok(discovery.dueInMs() >= 1_000, 'nobody asks in a circle')
    assert.deepEqual(addresses(lb), ADDRESSES)
  }
})

test('settings out of their bounds, and pools that are none, are errors', () => {
  const { lb } = balancer()
  const wrong = [
    [{ ceilingMs: 1_000 }, /^ConfigError: discovery\.ceiling/],
    [{ jitter: 2 }, /^RangeError: jitter must be a share from 0 to 1, not 2/],
    [{ jitter: NaN }, /^RangeError: jitter must be a share from 0 to 1, not NaN/],
    [{ jitter: -0.5 }, /^RangeError: jitter must be a share from 0 to 1, not -0.5/],
    [{ jitter: '10%' }, /^TypeError: jitter must be a number/],
    [{ mostEndpoints: 0 }, /^RangeError: mostEndpoints must be a whole number from 1 to 1000000, not 0/],
    [{ mostEndpoints: 1_000_001 }, /^RangeError: mostEndpoints must be a whole number from 1 to 1000000/],
    [{ floorMs: -1 }, /^RangeError: floorMs must be milliseconds from 0 on/],
    [{ longestRetryMs: Infinity }, /^RangeError: longestRetryMs must be finite milliseconds from 0 on, not Infinity/],
    [{ florMs: 1 }, /^TypeError: settings\.florMs is unknown: give floorMs, ceilingMs/],
    [{ mayEmpty: 1 }, /^TypeError: mayEmpty must be a boolean/],
    [7, /^TypeError: settings must be an object/],
  ]
  for (const [settings, told] of wrong) assert.throws(() => lb.discovery('api', 'file', settings), told)
  assert.throws(() => lb.discovery('none', 'file'), (error) => error instanceof ConfigError && error.path === 'pools.none')
  assert.throws(() => lb.discovery('api', '\ud800'), /^RangeError: source must be well-formed/)
  assert.throws(() => new Discovery(), TypeError)
  lb.discovery('api', 'file', { mayEmpty: true }).found([], null)
})

test('one that is closed hears nothing, and none keeps its balancer', async () => {
  const { lb } = balancer()
  const discovery = lb.discovery('api', 'file')
  discovery.found([THIRD], null)
  discovery[Symbol.dispose]()
  discovery.close()
  discovery.found([FOURTH], null)
  discovery.found(7, 'never read')
  discovery.found(broken(), NaN)
  discovery.failed('gone')
  assert.deepEqual([discovery.dueInMs(), discovery.status(), lb.discoveries()], [undefined, undefined, []])
  assert.deepEqual(addresses(lb), [...ADDRESSES, THIRD], 'it stays')
  lb.reconfigure(config())
  assert.deepEqual(addresses(lb), ADDRESSES)

  const orphan = new Balancer(config()).discovery('api', 'file')
  await collectedUntil(() => orphan.dueInMs() === undefined)
  orphan.found(['a'], null)
  orphan.found(7)
  assert.deepEqual([orphan.dueInMs(), orphan.status()], [undefined, undefined])
})

test('one that is collected ends', async () => {
  const { lb } = balancer()
  // In a function of its own, so that nothing here refers to it.
  ;(() => lb.discovery('api', 'file').found([THIRD], null))()
  assert.equal(lb.discoveries().length, 1)
  await collectedUntil(() => lb.discoveries().length === 0)
  assert.deepEqual(lb.discoveries(), [])
  assert.deepEqual(addresses(lb), [...ADDRESSES, THIRD], 'what it has found stays')
})

test('addresses that are gone are forgotten', () => {
  const { lb } = balancer({ endpoints: [] })
  const discovery = lb.discovery('api', 'file')
  for (let round = 0; round < 1_000; round++) {
    discovery.found([`http://10.1.${round >> 8}.${round & 255}:80`], null)
    lb.tryAcquire('acme').finish()
  }
  const { length } = balancerModule.coreOf(lb).addresses
  assert.ok(length <= 1, `${length} addresses are kept`)
})

test('of a problem 256 characters are kept, and any text is one', () => {
  const { lb } = balancer()
  const discovery = lb.discovery('api', 'file')
  discovery.failed('x'.repeat(300))
  assert.equal(discovery.status().lastFailure.problem, 'x'.repeat(256))
  discovery.note('half a \ud800')
  assert.equal(discovery.status().lastFailure.problem, 'half a \ufffd')
})

test('leases name the right addresses while endpoints are found and go', () => {
  const { lb } = balancer({ endpoints: [], strategy: 'round_robin' })
  const discovery = lb.discovery('api', 'file')
  for (const found of [[THIRD], [FOURTH], [THIRD, FOURTH], [FOURTH, 'http://10.0.0.5:80']]) {
    discovery.found(found, null)
    const served = found.map(() => {
      const lease = lb.tryAcquire('acme')
      lease.finish()
      return lease.address
    })
    assert.deepEqual(served.sort(), [...found].sort())
  }
})

test('who waits for an endpoint is served by one that is found', async () => {
  const { lb } = balancer({ endpoints: [{ address: 'a', rate: { requests: 1, per: '10m' } }], capacity: 8, queue: { timeout: '1h' } })
  const [first, waiting] = [lb.tryAcquire('acme'), lb.acquire('acme')]
  lb.discovery('api', 'file').found([THIRD], 60_000)
  const lease = await waiting
  assert.equal(lease.address, THIRD)
  for (const one of [first, lease]) one.finish()
})

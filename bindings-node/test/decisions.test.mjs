import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { test } from 'node:test'

import tenantry, { Balancer, ConfigError, Lease, ManualClock, Rejection, VERSION } from 'tenantry'

const ENDPOINTS = ['http://10.0.0.1:80', 'http://10.0.0.2:80']

function config(pool = {}, tenant = {}) {
  return { seed: 7, pools: { api: { endpoints: ENDPOINTS, capacity: 4, ...pool } }, tenants: { acme: tenant } }
}

function balancer(pool, tenant) {
  const clock = new ManualClock()
  return { clock, lb: new Balancer(config(pool, tenant), { clock }) }
}

function rejected(answer, code) {
  assert.ok(answer instanceof Rejection && answer instanceof Error)
  assert.equal(answer.ok, false)
  assert.equal(answer.code, code)
  assert.equal(answer.name, 'Rejection')
  assert.ok(answer.message.length > 5 && answer.stack.includes(code) && inspect(answer).includes(code))
  return answer
}

test('the first byte tells the latency, and a long stream teaches no second one', () => {
  const capacity = { kind: 'aimd', min: 1, initial: 10, timeout: '1s' }
  const { clock, lb } = balancer({ capacity })
  const lease = lb.tryAcquire('acme')
  lease.firstByte()
  clock.advance(600_000_000_000)
  lease.firstByte()
  lease.finish()
  lease.firstByte()
  assert.equal(lb.stats().pools[0].capacity, 10)
  assert.equal(lb.stats().pools[0].inFlight, 0)
})

test('a lease names an endpoint, holds a seat, and gives it back once', () => {
  const { lb } = balancer()
  const lease = lb.tryAcquire('acme', { pool: 'api', key: 'user-7', cost: 1 })
  assert.ok(lease instanceof Lease && lease.ok)
  assert.ok(ENDPOINTS.includes(lease.address))
  assert.equal(lb.stats().pools[0].inFlight, 1)
  lease.finish()
  lease.finish('failure')
  lease[Symbol.dispose]()
  const [pool] = lb.stats().pools
  assert.equal(pool.inFlight, 0)
  assert.deepEqual(pool.endpoints.map((one) => one.completed).sort(), [0, 1])
  assert.ok(pool.endpoints.every((one) => one.failed === 0))
  assert.match(inspect(lease), /10\.0\.0\.\d:80.*finished: true/)
})

test('a lease says when it was acquired', () => {
  const clock = new ManualClock()
  const lb = new Balancer({ pools: { api: { endpoints: ['a'] } }, tenants: { acme: {} } }, { clock })
  clock.advance(1_500)
  const lease = lb.tryAcquire('acme')
  clock.advance(1_000)
  assert.deepEqual([lease.acquiredAtNs, lb.nowNs()], [1_500n, 2_500n])
  lease.finish()
  assert.equal(lease.acquiredAtNs, undefined)
})

test('only the first finish is settled, at every level', () => {
  const budget = { cost: 1_000_000, per: '30d' }
  const pools = { api: { endpoints: ['http://10.0.0.1:80'], capacity: 4 } }
  const tenants = { org: { budget, max_in_flight: 4 }, acme: { parent: 'org', budget } }
  const lb = new Balancer({ pools, tenants }, { clock: new ManualClock() })
  const outcomes = ['success', 'failure', 'overload', 'cancelled']
  let settled = 0
  for (let n = 0; n < 2_000; n++) {
    const [reserved, actual] = [n % 19, n % 3 ? (n * 7) % 61 : undefined]
    const lease = lb.tryAcquire('acme', { cost: reserved })
    assert.ok(lease.ok)
    if (n % 4) lease.finish(outcomes[n % 5 % 4], { cost: actual })
    else lease[Symbol.dispose]()
    settled += n % 4 ? actual ?? reserved : reserved
    for (let again = 0; again < n % 3; again++) lease.finish(outcomes[again], { cost: 1_000 })
    lease[Symbol.dispose]()
  }
  assert.deepEqual(lb.limitsOf('acme').map((limit) => limit.used), [settled, settled])
  for (const id of ['org', 'acme']) assert.equal(lb.tenantStats(id).inFlight, 0)
  assert.equal(lb.poolStats('api').inFlight, 0)
})

test('RATE_LIMITED says when to return, to the nanosecond', () => {
  const { lb, clock } = balancer({}, { rate: { requests: 3, per: '1s', burst: 1 } })
  lb.tryAcquire('acme').finish()
  const { retryAfterMs, permanent, limit } = rejected(lb.tryAcquire('acme'), 'RATE_LIMITED')
  const ns = Math.round(retryAfterMs * 1e6)
  assert.deepEqual([permanent, limit], [false, undefined])
  assert.match(lb.tryAcquire('acme').message, /333\.\d*ms/)
  clock.advance(ns - 1)
  assert.equal(rejected(lb.tryAcquire('acme'), 'RATE_LIMITED').retryAfterMs, 1e-6)
  clock.advance(1n)
  assert.ok(lb.tryAcquire('acme').ok)
})

test('every other rejection has its code, and says whether it is permanent', async () => {
  const clock = new ManualClock()
  const lb = new Balancer(
    {
      pools: {
        api: { endpoints: ENDPOINTS, capacity: 1, queue: { per_tenant: 1 } },
        batch: { endpoints: ENDPOINTS },
      },
      tenants: {
        acme: { pools: ['api'], rate: { cost: 5, per: '1h' } },
        tiny: { max_in_flight: 2 },
        other: {},
      },
    },
    { clock },
  )
  assert.ok(rejected(lb.tryAcquire('nobody', { pool: 'api' }), 'UNKNOWN_TENANT').permanent)
  assert.ok(rejected(lb.tryAcquire('acme'), 'UNKNOWN_POOL').permanent)
  assert.ok(rejected(lb.tryAcquire('acme', { pool: 'nope' }), 'UNKNOWN_POOL').permanent)
  assert.ok(rejected(lb.tryAcquire('acme', { pool: 'batch' }), 'POOL_FORBIDDEN').permanent)
  const costly = rejected(lb.tryAcquire('acme', { pool: 'api', cost: 6 }), 'COST_TOO_HIGH')
  assert.deepEqual([costly.permanent, costly.limit, costly.retryAfterMs], [true, 5, undefined])
  assert.match(costly.message, /5/)
  const held = [lb.tryAcquire('tiny', { pool: 'batch' }), lb.tryAcquire('tiny', { pool: 'batch' })]
  const full = rejected(lb.tryAcquire('tiny', { pool: 'batch' }), 'TOO_MANY_IN_FLIGHT')
  assert.deepEqual([full.permanent, full.limit], [false, 2])
  held.forEach((lease) => lease.finish())
  const seat = lb.tryAcquire('other', { pool: 'api' })
  rejected(lb.tryAcquire('other', { pool: 'api' }), 'SATURATED')
  const waiting = lb.acquire('other', { pool: 'api', timeoutMs: 50 })
  rejected(await lb.acquire('other', { pool: 'api' }).catch((error) => error), 'QUEUE_FULL')
  clock.advance(50_000_000)
  rejected(await waiting.catch((error) => error), 'TIMED_OUT')
  seat.finish()
  assert.equal(lb.stats().pools.find((pool) => pool.name === 'api').inFlight, 0)
})

test('a retry needs room in its budget, and a hedge in its own', async () => {
  const none = { ratio: 0, per_second: 0 }
  const { lb, clock } = balancer({ retry: { ...none, per_second: 1, window: '1s' }, hedge: { ...none, window: '1s' } })
  const hedge = rejected(lb.tryAcquire('acme', { attempt: 'hedge' }), 'HEDGE_BUDGET_EXHAUSTED')
  assert.deepEqual([hedge.retryAfterMs, hedge.permanent], [undefined, false])
  assert.match(hedge.message, /only further requests make room/)
  lb.tryAcquire('acme', { attempt: 'retry' }).finish('failure')
  const retry = rejected(await lb.acquire('acme', { attempt: 'retry' }).catch((error) => error), 'RETRY_BUDGET_EXHAUSTED')
  assert.equal(retry.retryAfterMs, 1031.25)
  assert.match(retry.message, /1\.03125s/)
  clock.advance(1_031_250_000)
  lb.tryAcquire('acme', { attempt: 'retry' }).finish()
  lb.tryAcquire('acme', { attempt: 'first' }).finish()
  const { retries, hedges } = lb.poolStats('api')
  assert.deepEqual([retries, hedges], [{ passed: 2, refused: 1 }, { passed: 0, refused: 1 }])
  assert.throws(() => lb.tryAcquire('acme', { attempt: 'second' }), RangeError)
  assert.throws(() => lb.tryAcquire('acme', { attempt: 2 }), TypeError)
})

test('outcomes reach the core: failures eject, latency and cost are learnt', () => {
  const { lb, clock } = balancer({ health: { outlier: { consecutive_failures: 2 } } }, { rate: { cost: 100, per: '1h' } })
  lb.tryAcquire('acme', { cost: 10 }).finish('success', { latencyMs: 12.5, cost: 60 })
  assert.ok(lb.stats().pools[0].endpoints.some((one) => Math.abs(one.latencyMs - 12.5) < 0.01))
  rejected(lb.tryAcquire('acme', { cost: 50 }), 'RATE_LIMITED')
  clock.advance(3_600_000_000_000n)
  for (let i = 0; i < 4; i++) lb.tryAcquire('acme').finish('failure')
  lb.tryAcquire('acme').finish('overload', { retryAfterMs: 1000 })
  const { endpoints } = lb.stats().pools[0]
  assert.equal(endpoints.filter((one) => one.ejected).length, 1)
  assert.equal(endpoints.reduce((sum, one) => sum + one.failed, 0), 5)
})

test('a lease that is disposed of unfinished is cancelled: it frees its seat and teaches nothing', async () => {
  const { lb } = balancer()
  const lease = lb.tryAcquire('acme')
  await lease[Symbol.asyncDispose]()
  lease.finish('failure')
  const [pool] = lb.stats().pools
  assert.equal(pool.inFlight, 0)
  assert.ok(pool.endpoints.every((one) => one.latencyMs === undefined && one.failed === 0))
})

test('a bad configuration is refused with path, value and fix', () => {
  const cases = [
    [{ pools: { api: { endpoints: ENDPOINTS, capacty: 8 } } }, 'pools.api.capacty', '8'],
    [config({ capacity: 0 }), 'pools.api.capacity', '0'],
    [config({ capacity: NaN }), 'pools.api.capacity', 'NaN'],
    [config({ capacity: 3n }), 'pools.api.capacity', '3'],
    [config({ zone: () => 1 }), 'pools.api.zone', 'a function'],
    [config({ endpoints: [...ENDPOINTS, () => 1] }), 'pools.api.endpoints', 'a function'],
    [config({ strategy: () => 1, capacty: 8 }), 'pools.api.capacty', '8'],
    [config({ strategy: Symbol('p2c') }), 'pools.api.strategy', 'Symbol(p2c)'],
    [config({}, { weight: -1 }), 'tenants.acme.weight', '-1'],
    [config({}, { rate: ['100/s', 'fast'] }), 'tenants.acme.rate[1]', undefined],
    [config({}, { pools: ['nope'] }), 'tenants.acme.pools[0]', '"nope"'],
  ]
  for (const [bad, path, value] of cases) {
    assert.throws(
      () => new Balancer(bad),
      (error) => {
        assert.ok(error instanceof ConfigError && error instanceof Error)
        assert.equal(error.name, 'ConfigError')
        assert.equal(error.code, 'CONFIG')
        assert.ok(error.path.startsWith(path.replace(/\[.*/, '')), `${error.path} for ${path}`)
        if (value !== undefined) assert.equal(error.value, value)
        assert.ok(error.fix.length > 3 && error.message.includes(error.fix))
        return true
      },
    )
  }
})

test('a refused reconfigure changes nothing, and one that is taken changes all at once', () => {
  const { lb } = balancer()
  const lease = lb.tryAcquire('acme')
  const before = lb.stats()
  assert.throws(() => lb.reconfigure(config({ capacity: 1, strategy: 'fastest' })), { code: 'CONFIG', path: 'pools.api.strategy' })
  assert.deepEqual(lb.stats(), before)
  lb.reconfigure(config({ capacity: 1, endpoints: ['http://10.0.0.9:80'] }))
  assert.equal(lb.tryAcquire('acme').code, 'SATURATED')
  assert.ok(ENDPOINTS.includes(lease.address))
  lease.finish()
  const next = lb.tryAcquire('acme')
  assert.equal(next.address, 'http://10.0.0.9:80')
  next.finish()
})

test('addresses and pool names stay right over many updates', () => {
  const { lb } = balancer()
  for (let round = 0; round < 200; round++) {
    const address = `http://10.0.1.${round % 7}:${round + 1}`
    lb.reconfigure({ pools: { [`p${round % 3}`]: { endpoints: [address], capacity: 4 } }, tenants: { acme: {} } })
    const lease = lb.tryAcquire('acme', { pool: `p${round % 3}` })
    assert.equal(lease.address, address)
    assert.equal(lb.tryAcquire('acme', { pool: `p${(round + 1) % 3}` }).code, 'UNKNOWN_POOL')
    lease.finish()
  }
  for (let i = 0; i < 5000; i++) assert.equal(lb.tryAcquire('acme', { pool: `x${i}` }).code, 'UNKNOWN_POOL')
  lb.tryAcquire('acme', { pool: `p${199 % 3}` }).finish()
})

test('a balancer reads files in every format, and says what it cannot read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-'))
  const file = (name, text) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  try {
    const toml = file('a.toml', '[pools.api]\nendpoints = ["http://10.0.0.1:80"]\n[tenants.acme]\n')
    const yaml = file('a.yaml', 'pools: { api: { endpoints: ["http://10.0.0.1:80"] } }\ntenants: { acme: {} }\n')
    const json = file('a.json', JSON.stringify(config()))
    for (const path of [toml, yaml, json, pathToFileURL(toml)]) {
      const clock = new ManualClock()
      const lb = Balancer.fromFile(path, { clock })
      clock.advance(5)
      assert.equal(lb.nowNs(), 5n)
      lb.tryAcquire('acme').finish()
    }
    assert.throws(() => Balancer.fromFile(file('a.ini', '')), { code: 'CONFIG', value: '"ini"' })
    assert.throws(() => Balancer.fromFile(file('b.toml', 'pools = 3')), { code: 'CONFIG', path: 'pools' })
    assert.throws(() => Balancer.fromFile(file('c.toml', '=')), { code: 'CONFIG', path: '.' })
    assert.throws(() => Balancer.fromFile(join(folder, 'none.toml')), { code: 'ENOENT' })
    assert.throws(() => Balancer.fromFile(7), /path must be a string or a URL, not a number/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a manual clock counts nanoseconds, as numbers or bigints', () => {
  const clock = new ManualClock()
  clock.advance(1_500_000)
  clock.advance(5n)
  assert.equal(clock.now(), 1_500_005n)
  clock.advance(2n ** 64n - 1n)
  assert.equal(clock.now(), 2n ** 64n - 1n)
})

test('without a manual clock time runs by itself', () => {
  const lb = new Balancer(config())
  const before = lb.nowNs()
  assert.equal(typeof before, 'bigint')
  while (lb.nowNs() === before);
  assert.ok(lb.nowNs() > before)
})

test('both module kinds share one module, of the version that the package says', () => {
  const packageJson = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  assert.equal(VERSION, packageJson.version)
  assert.equal(tenantry.Balancer, Balancer)
  assert.deepEqual(Object.keys(tenantry).sort(), ['Backoff', 'Balancer', 'Begun', 'ConfigError', 'Discovery', 'EventCursor', 'HealthCheck', 'HealthChecks', 'Lease', 'LedgerError', 'ManualClock', 'Probe', 'Probes', 'Rejection', 'ServerLoad', 'TenantHandle', 'VERSION', 'checkHealth'])
})

test('one tenant, one pool, and pages of all tenants', () => {
  const tenants = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((id) => [id, {}]))
  const lb = new Balancer({ pools: { api: { endpoints: ENDPOINTS } }, tenants })
  const lease = lb.tryAcquire('d')
  assert.deepEqual(lb.tenantStats('d'), { id: 'd', weight: 1, inFlight: 1, waiting: 0, beneath: 0, completed: 0, rejected: 0, shadowRejected: 0 })
  assert.equal(lb.poolStats('api').inFlight, 1)
  lease.finish()
  assert.deepEqual([lb.tenantStats('nobody'), lb.poolStats('none')], [undefined, undefined])
  const ids = []
  for (let start = 0; start !== undefined; ) {
    const page = lb.tenantPage(start, 2)
    ids.push(...page.tenants.map((tenant) => tenant.id))
    start = page.next
  }
  assert.deepEqual(ids.sort(), ['a', 'b', 'c', 'd', 'e'])
  assert.throws(() => lb.tenantPage(-1), { name: 'RangeError', message: /start/ })
  assert.throws(() => lb.tenantPage(0, 0), { name: 'RangeError', message: /most/ })
  assert.throws(() => lb.tenantStats(7), { name: 'TypeError', message: /tenant/ })
})

test('what is left of a budget, and its warnings, can be read', () => {
  const clock = new ManualClock()
  const budget = { cost: 100, per: 'day', warn: ['50%'] }
  const lb = new Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'] } }, tenants: { acme: { budget } } }, { clock })
  lb.tryAcquire('acme', { cost: 60 }).finish('success')
  const day = 86_400_000
  assert.deepEqual(lb.limitsOf('acme'), [
    { parent: undefined, unit: 'cost', budget: true, shadow: false, amount: 100, used: 60, remaining: 40, windowMs: day, nextInMs: day, fullInMs: day },
  ])
  assert.equal(lb.limitsOf('nobody'), undefined)
  assert.deepEqual(lb.takeEvents(), [
    { event: 'budget_warning', tenant: 'acme', unit: 'cost', percent: 50, used: 60, amount: 100, endsUnixS: 86_400 },
  ])
  assert.deepEqual(lb.takeEvents(), [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer, ConfigError, ManualClock } from 'tenantry'

const API = { api: { endpoints: ['http://10.0.0.1:80'], capacity: 4 } }
/** 2026-12-01T00:00:00Z. */
const DECEMBER = 1_796_083_200_000

function balancer(tenants, pools = API, clock = new ManualClock()) {
  return { clock, lb: new Balancer({ pools, tenants }, { clock }) }
}

test('a tenant is added, changed and removed while leases are out', () => {
  const { lb } = balancer({ acme: {} })
  assert.equal(lb.check('newcomer').code, 'UNKNOWN_TENANT')
  assert.equal(lb.setTenant('newcomer', { rate: '2/s', weight: 3 }), undefined)
  const lease = lb.tryAcquire('newcomer')
  lb.setTenant('newcomer', { rate: { requests: 3, per: '1s' } })
  // What it has used stays used.
  const [{ used, remaining }] = lb.limitsOf('newcomer')
  assert.deepEqual([used, remaining], [1, 2])
  assert.deepEqual([lb.removeTenant('newcomer'), lb.removeTenant('newcomer')], [true, false])
  assert.equal(lb.tryAcquire('newcomer').code, 'UNKNOWN_TENANT')
  lease.finish()
  assert.equal(lb.poolStats('api').inFlight, 0)
})

test('a tenant\'s own limits are told apart from its parents\'', () => {
  const tenants = { org: { rate: '9/s' }, team: { parent: 'org', rate: ['2/s', { cost: 5, per: '1m' }] } }
  const lb = new Balancer({ pools: { api: { endpoints: ['a'] } }, tenants }, { clock: new ManualClock() })
  lb.check('team', { cost: 3 })
  const [own, every] = [lb.ownLimitsOf('team'), lb.limitsOf(lb.handle('team'))]
  assert.deepEqual(own.map(({ parent, unit, used }) => [parent, unit, used]), [[undefined, 'requests', 1], [undefined, 'cost', 3]])
  assert.deepEqual([every.slice(0, 2), every.map(({ parent }) => parent)], [own, [undefined, undefined, 'org']])
  assert.deepEqual([lb.ownLimitsOf('nobody'), lb.ownLimitsOf(lb.handle('org'))], [undefined, lb.limitsOf('org')])
  assert.throws(() => lb.ownLimitsOf(7), /^TypeError: tenant must be a string or a TenantHandle/)
})

test('a bad term is named with its place in the document, and changes nothing', () => {
  const { lb } = balancer({ acme: { rate: '5/s' }, org: {}, team: { parent: 'org' } })
  const cases = [
    ['acme', { wieght: 3 }, 'tenants.acme.wieght'],
    ['acme', { weight: -1 }, 'tenants.acme.weight'],
    ['acme', { parent: 'nobody' }, 'tenants.acme.parent'],
    ['acme', { pools: ['api', 'apl'] }, 'tenants.acme.pools[1]'],
    ['acme', { weight: NaN }, 'tenants.acme.weight'],
    ['acme', { weight: 3n }, 'tenants.acme.weight'],
    ['acme', { pools: [() => 'api'] }, 'tenants.acme.pools[0]'],
    ['a b', { weight: true }, 'tenants."a b".weight'],
    ['acme', { toJSON: () => 'text' }, 'tenants.acme'],
    ['', {}, 'tenants'],
    ['(other)', {}, 'tenants'],
  ]
  for (const [tenant, spec, path] of cases) {
    assert.throws(() => lb.setTenant(tenant, spec), (error) => error instanceof ConfigError && error.path === path && error.fix !== '', path)
  }
  assert.equal(lb.limitsOf('acme')[0].amount, 5)
  assert.throws(() => lb.removeTenant('org'), { code: 'CONFIG', path: 'tenants.org', fix: /beneath it/ })
})

test('what is no tenant or no object is an error that says so', () => {
  const { lb } = balancer({ acme: {} })
  const trap = new Proxy({}, { ownKeys() { throw new Error('trapped') } })
  for (const wrong of [undefined, null, 5, 1n, Symbol('a'), {}, ['acme']]) {
    assert.throws(() => lb.setTenant(wrong, {}), { name: 'TypeError', message: /^tenant must be a string or a TenantHandle/ })
    assert.throws(() => lb.removeTenant(wrong), { name: 'TypeError', message: /^tenant must be a string or a TenantHandle/ })
  }
  for (const spec of [undefined, null, 5, 'weight', [], () => ({})]) {
    assert.throws(() => lb.setTenant('acme', spec), { name: 'TypeError', message: /^spec must be an object/ })
  }
  assert.throws(() => lb.setTenant('acme', trap), /^Error: trapped$/)
  assert.throws(() => lb.setTenant('acme', { get weight() { throw new Error('trapped') } }), /^Error: trapped$/)
  // Not to become the tenant whose name has the replacement character.
  for (const act of [() => lb.setTenant('a\ud800', {}), () => lb.removeTenant('a\ud800')]) {
    assert.throws(act, { name: 'RangeError', message: /^tenant must be well-formed/ })
  }
})

test('a grant begins and ends, and guests count under the limits of the owner', () => {
  const grant = { pool: 'gpu', from: '2026-12-01T00:00:00Z', until: '2026-12-01T01:01:00+01:00' }
  const gpu = { endpoints: ['http://10.0.0.1:80'], owner: 'acme' }
  const tenants = { acme: { rate: { cost: 100, per: '1h' } }, guest: { pools: [grant] }, stranger: {} }
  const { lb, clock } = balancer(tenants, { gpu }, new ManualClock({ unixMs: DECEMBER - 1_000 }))
  const answer = (tenant, cost = 1) => {
    const lease = lb.tryAcquire(tenant, { cost })
    if (lease.ok) lease.finish()
    return lease.ok ? 'ok' : lease.code
  }
  clock.advance(999_999_999)
  assert.deepEqual(['acme', 'guest', 'stranger'].map((tenant) => answer(tenant)), ['ok', 'POOL_FORBIDDEN', 'POOL_FORBIDDEN'])
  clock.advance(1)
  assert.deepEqual([answer('guest', 60), answer('guest', 60)], ['ok', 'RATE_LIMITED'])
  clock.advance(60_000_000_000 - 1)
  assert.equal(answer('guest'), 'ok')
  clock.advance(1)
  assert.equal(answer('guest'), 'POOL_FORBIDDEN')
  assert.throws(() => lb.removeTenant('acme'), { code: 'CONFIG', fix: /owns the pool/ })
})

test('the date of a clock is what calendars go by', () => {
  const budget = { cost: 100, per: 'month', time_zone: 'Europe/Rome' }
  // 90 s before December begins in Rome.
  const clock = new ManualClock({ unixMs: DECEMBER - 3_600_000 - 90_000 })
  const { lb } = balancer({ acme: { budget } }, API, clock)
  assert.equal(lb.check('acme', { cost: 100 }).ok, true)
  assert.equal(lb.check('acme').retryAfterMs, 90_000)
  assert.equal(clock.now(), 0n)
  for (const unixMs of [-1, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => new ManualClock({ unixMs }), { name: 'RangeError', message: /^options\.unixMs must be/ })
  }
  for (const unixMs of [null, '0', 0n, new Date(), Symbol('0')]) {
    assert.throws(() => new ManualClock({ unixMs }), { name: 'TypeError', message: /^options\.unixMs must be a number/ })
  }
  for (const options of [null, 5, 'unixMs']) assert.throws(() => new ManualClock(options), { name: 'TypeError', message: /^options must be/ })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { Balancer, ConfigError, ManualClock, TenantHandle } from 'tenantry'
import balancerModule from '../lib/balancer.cjs'

const ENDPOINTS = ['http://10.0.0.1:80', 'http://10.0.0.2:80', 'http://10.0.0.3:80', 'http://10.0.0.4:80']
const TENANTS = { acme: { rate: '100/s', budget: { units: 1000, per: 'day' } }, 'a\ufffd': {}, ['x'.repeat(255)]: {} }

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

function balancer(more = {}) {
  const config = { dimensions: ['units'], pools: { api: { endpoints: ENDPOINTS, strategy: 'ketama', capacity: 4 } }, tenants: TENANTS, ...more }
  return new Balancer(config, { clock: new ManualClock() })
}

function unitsUsed(lb) {
  return lb.limitsOf('acme').find(({ unit }) => unit === 'units').used
}

async function collect(until) {
  for (let tries = 0; tries < 200 && !until(); tries++) {
    // Before, because what a WeakRef has just shown lives until the end of its turn.
    await new Promise((resolve) => setImmediate(resolve))
    gc()
  }
}

test('a handle goes wherever an id goes', async () => {
  const lb = balancer()
  const acme = lb.handle('acme')
  assert.ok(acme instanceof TenantHandle)
  assert.deepEqual([acme.id, inspect(acme)], ['acme', "TenantHandle { id: 'acme' }"])
  lb.tryAcquire(acme, { amounts: { units: 1 } }).finish()
  ;(await lb.acquire(acme, { amounts: { units: 2 } })).finish()
  assert.equal(lb.check(acme, { amounts: { units: 4 } }).ok, true)
  assert.equal(unitsUsed(lb), 7)
  assert.deepEqual(lb.limitsOf(acme), lb.limitsOf('acme'))
  assert.deepEqual(lb.tenantStats(acme), lb.tenantStats('acme'))
  assert.equal(lb.tenantStats(acme).completed, 3)
})

test('what else a request says goes along with a handle as with an id', () => {
  const lb = balancer({ tenants: { acme: {} } })
  const acme = lb.handle('acme')
  const wishes = [...Array(20).keys()].flatMap((number) => [{ key: `user-${number}` }, { key: `user-${number}`, prefer: ENDPOINTS[number % 4] }])
  const served = (tenant) => wishes.map((wish) => {
    const lease = lb.tryAcquire(tenant, { pool: 'api', ...wish })
    lease.finish()
    return lease.address
  })
  assert.deepEqual(served(acme), served('acme'))
  assert.ok(new Set(served(acme)).size > 1)
  const first = lb.tryAcquire(acme, { prefer: ENDPOINTS[2] })
  const again = lb.tryAcquire('acme', { affinity: first.affinityToken })
  assert.deepEqual([first.address, again.address], [ENDPOINTS[2], ENDPOINTS[2]])
  for (const lease of [first, again]) lease.finish()
})

test('a request by id after one by handle is of the id, and of the handle after one by id', () => {
  const lb = balancer({ tenants: { acme: {}, other: {} } })
  const [acme, other] = [lb.handle('acme'), lb.handle('other')]
  const asked = [acme, 'other', other, 'acme', acme, 'nobody', other]
  const answers = asked.map((tenant) => lb.tryAcquire(tenant))
  for (const lease of answers) if (lease.ok) lease.finish()
  assert.deepEqual(answers.map(({ ok, code }) => (ok ? 'ok' : code)), ['ok', 'ok', 'ok', 'ok', 'SATURATED', 'UNKNOWN_TENANT', 'SATURATED'])
  assert.deepEqual(['acme', 'other'].map((tenant) => lb.tenantStats(tenant).completed), [2, 2])
})

test('a handle is as good as its id with another balancer, also when its own is gone', async () => {
  const elsewhere = (() => {
    const other = balancer()
    // The ticket of the handle must not lead to another tenant's here.
    other.handle('first')
    return other.handle('acme')
  })()
  await collect(() => false)
  const lb = balancer()
  lb.handle('nobody')
  lb.handle('nobody')
  lb.tryAcquire(elsewhere, { amounts: { units: 3 } }).finish()
  ;(await lb.acquire(elsewhere)).finish()
  assert.equal(lb.check(elsewhere).ok, true)
  assert.deepEqual([unitsUsed(lb), lb.tenantStats('acme').completed], [3, 3])
})

test('a handle stays right when its tenant comes, changes, goes and is made from a template', () => {
  const lb = balancer()
  const newcomer = lb.handle('newcomer')
  const answer = () => {
    const lease = lb.tryAcquire(newcomer)
    if (lease.ok) lease.finish()
    return lease.ok ? 'ok' : lease.code
  }
  assert.equal(answer(), 'UNKNOWN_TENANT')
  lb.setTenant(newcomer, { rate: '1/s' })
  assert.deepEqual([answer(), answer()], ['ok', 'RATE_LIMITED'])
  lb.setTenant(newcomer, { rate: '5/s' })
  assert.equal(answer(), 'ok')
  assert.deepEqual([lb.removeTenant(newcomer), lb.removeTenant(newcomer)], [true, false])
  assert.equal(answer(), 'UNKNOWN_TENANT')
  lb.reconfigure({ pools: { api: { endpoints: ENDPOINTS } }, unknown_tenants: { template: 'free' }, templates: { free: { rate: '1/s' } } })
  assert.deepEqual([answer(), answer()], ['ok', 'RATE_LIMITED'])
  assert.throws(() => lb.setTenant(newcomer, { wieght: 3 }), (error) => error instanceof ConfigError && error.path === 'tenants.newcomer.wieght')
})

test('a tenant that was evicted comes back by its handle', () => {
  const clock = new ManualClock()
  const config = { pools: { api: { endpoints: ENDPOINTS } }, unknown_tenants: { template: 'free', max: 2, idle: '1s' }, templates: { free: {} } }
  const lb = new Balancer(config, { clock })
  const ask = (tenant) => lb.tryAcquire(tenant).finish()
  const guest = lb.handle('guest')
  ask(guest)
  assert.equal(lb.tenantStats('guest').completed, 1)
  for (let turn = 0; turn < 9; turn++) {
    clock.advance(2_000_000_000)
    ask(`other-${turn}`)
  }
  assert.equal(lb.tenantStats(guest), undefined)
  for (let turn = 0; turn < 9 && lb.tenantStats(guest) === undefined; turn++) {
    clock.advance(2_000_000_000)
    ask(guest)
  }
  assert.equal(lb.tenantStats(guest).completed, 1)
})

test('the handle of an id that can be nobody’s is nobody’s', () => {
  const lb = balancer()
  for (const id of ['', 'a\ud800', 'x'.repeat(256), 'x'.repeat(2 ** 20), 'acme\0']) {
    const nobody = lb.handle(id)
    assert.equal(nobody.id, id)
    assert.equal(lb.tryAcquire(nobody).code, 'UNKNOWN_TENANT')
    assert.equal(lb.check(nobody).code, 'UNKNOWN_TENANT')
  }
  for (const id of ['a\ufffd', 'x'.repeat(255)]) lb.tryAcquire(lb.handle(id)).finish()
  assert.throws(() => lb.setTenant(lb.handle('a\ud800'), {}), { name: 'RangeError', message: /^tenant must be well-formed/ })
})

test('what only looks like a handle is none, and none of its code is run', () => {
  const lb = balancer()
  const acme = lb.handle('acme')
  const trapped = new Proxy(acme, { get() { throw new Error('trapped') }, has() { throw new Error('trapped') } })
  for (const fake of [trapped, Object.create(TenantHandle.prototype), Object.create(acme), { id: 'acme' }, { id: 'acme', slot: 0, generation: 0 }, TenantHandle]) {
    assert.throws(() => lb.tryAcquire(fake), { name: 'TypeError', message: /^tenant must be a string or a TenantHandle, not / })
    assert.throws(() => lb.check(fake), TypeError)
    assert.throws(() => lb.limitsOf(fake), TypeError)
  }
  assert.throws(() => Object.create(TenantHandle.prototype).id, TypeError)
  assert.throws(() => lb.handle(acme), { name: 'TypeError', message: /^tenant must be a string, not an object/ })
})

test('a strategy may make handles while a request has one', () => {
  let lb
  const seen = []
  const strategy = () => {
    for (let made = 0; made < 50; made++) seen.push(lb.handle(`made-${made}`))
    return 1
  }
  lb = balancer({ pools: { api: { endpoints: ENDPOINTS, strategy } } })
  const lease = lb.tryAcquire(lb.handle('acme'))
  lease.finish()
  assert.deepEqual([lease.address, seen.length, lb.tenantStats('acme').completed], [ENDPOINTS[1], 50, 1])
})

test('forgotten handles are freed, and kept ones stay good', async () => {
  const lb = balancer()
  const { operations } = balancerModule.coreOf(lb)
  const kept = lb.handle('acme')
  ;(() => {
    for (let made = 0; made < 1000; made++) lb.handle(`made-${made}`)
  })()
  // A place that was given back is used again; without that the next one is behind all thousand.
  let place
  await collect(() => (place = operations.handle('probe')) < 1000)
  assert.ok(place < 1000, `place ${place}`)
  lb.tryAcquire(kept).finish()
  assert.equal(lb.tenantStats('acme').completed, 1)
})

test('a handle keeps its balancer alive no longer than anybody else does', async () => {
  let weak
  const acme = (() => {
    const lb = balancer()
    weak = new WeakRef(lb)
    return lb.handle('acme')
  })()
  await collect(() => weak.deref() === undefined)
  assert.equal(weak.deref(), undefined)
  assert.equal(acme.id, 'acme')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer } from 'tenantry'

const ADDRESSES = ['http://10.0.0.1:80', 'http://10.0.0.2:80']

function balancer(settings = {}) {
  const api = { endpoints: ADDRESSES, strategy: 'round_robin', capacity: 8, ...settings }
  return new Balancer({ seed: 7, pools: { api }, tenants: { acme: {}, globex: {} } })
}

function served(lb, tenant, options) {
  const lease = lb.tryAcquire(tenant, options)
  lease.finish()
  return lease.address
}

test('a token returns to its endpoint, with a key and without, at once and after a wait', async () => {
  const lb = balancer({ capacity: 1 })
  const first = lb.tryAcquire('acme')
  const { affinityToken: affinity, address, pool } = first
  assert.equal(pool, 'api')
  assert.match(affinity, /^[\w-]{34}$/)
  const waiting = lb.acquire('acme', { affinity })
  first.finish()
  assert.deepEqual([first.affinityToken, first.pool, first.address], [undefined, undefined, address])
  const second = await waiting
  assert.deepEqual([second.address, second.affinityToken], [address, affinity])
  second.finish()
  for (const key of [undefined, 'user-7', '', 'k'.repeat(300)]) {
    for (let i = 0; i < 3; i++) assert.equal(served(lb, 'acme', { affinity, key, pool: 'api' }), address)
    const lease = await lb.acquire('acme', { affinity, key })
    assert.equal(lease.address, address)
    lease.finish()
  }
  assert.deepEqual(new Set([served(lb, 'acme'), served(lb, 'acme')]), new Set(ADDRESSES), 'and without it is forgotten')
})

test("a stranger's or a forged token counts as none", () => {
  const lb = balancer()
  const lease = lb.tryAcquire('acme')
  const { affinityToken: affinity } = lease
  lease.finish()
  for (const [tenant, token] of [['globex', affinity], ['acme', 'x'], ['acme', ''], ['acme', `${affinity}\ud800`], ['acme', 'x'.repeat(5000)]]) {
    const addresses = [1, 2].map(() => served(lb, tenant, { affinity: token }))
    assert.deepEqual(new Set(addresses), new Set(ADDRESSES))
  }
})

test('keys of the configuration make tokens good in another process, and for its own pool only', () => {
  const make = () => {
    const pools = { api: { endpoints: ADDRESSES }, eu: { endpoints: ADDRESSES, fallback: 'api', capacity: 1 } }
    return new Balancer({ affinity: { keys: ['sixteen bytes, or more'] }, pools, tenants: { acme: {} } })
  }
  const lease = make().tryAcquire('acme', { pool: 'api' })
  const other = make()
  for (let i = 0; i < 4; i++) assert.equal(served(other, 'acme', { pool: 'api', affinity: lease.affinityToken }), lease.address)
  const [full, spilled] = [other.tryAcquire('acme', { pool: 'eu' }), other.tryAcquire('acme', { pool: 'eu' })]
  assert.deepEqual([full.pool, spilled.pool], ['eu', 'api'])
  assert.notEqual(full.affinityToken, spilled.affinityToken)
})

test('an address is preferred, and not beside a token', async () => {
  const lb = balancer()
  for (let i = 0; i < 4; i++) assert.equal(served(lb, 'acme', { prefer: ADDRESSES[1], key: 'k' }), ADDRESSES[1])
  assert.ok(ADDRESSES.includes(served(lb, 'acme', { prefer: 'http://nobody' })))
  assert.throws(() => lb.tryAcquire('acme', { affinity: 'x', prefer: ADDRESSES[0] }), /^RangeError: affinity: give it or prefer, not both/)
  await assert.rejects(lb.acquire('acme', { affinity: 'x', prefer: ADDRESSES[0] }), RangeError)
  for (const wrong of [null, 7, {}]) {
    assert.throws(() => lb.tryAcquire('acme', { affinity: wrong }), /^TypeError: affinity must be a string/)
    assert.throws(() => lb.tryAcquire('acme', { prefer: wrong }), /^TypeError: prefer must be a string/)
  }
  assert.equal(lb.stats().pools[0].inFlight, 0)
})

test('a retry goes elsewhere, and back only where nobody else is left', async () => {
  const lb = balancer()
  for (const [avoid, expected] of [[ADDRESSES.slice(0, 1), ADDRESSES[1]], [ADDRESSES.slice(1), ADDRESSES[0]]]) {
    for (const more of [{}, { key: 'user-7' }, { prefer: avoid[0] }, { prefer: avoid[0], key: 'user-7' }, { attempt: 'retry', pool: 'api' }]) {
      for (let turn = 0; turn < 3; turn++) assert.equal(served(lb, 'acme', { avoid, ...more }), expected)
      assert.equal(served(lb, lb.handle('acme'), { avoid, ...more }), expected)
      const lease = await lb.acquire('acme', { avoid, ...more })
      lease.finish()
      assert.equal(lease.address, expected)
    }
  }
  for (const avoid of [undefined, [], ['http://elsewhere'], ADDRESSES, Array(500).fill(ADDRESSES[0]).concat(ADDRESSES)]) {
    assert.deepEqual(new Set([1, 2].map(() => served(lb, 'acme', { avoid }))), new Set(ADDRESSES))
  }
  assert.equal(lb.tryAcquire('acme', { avoid: ADDRESSES, attempt: 'hedge' }).code, 'NO_ENDPOINT')
})

test('a request that waits still avoids, and one after it does not', async () => {
  const lb = balancer({ capacity: 1 })
  const seat = lb.tryAcquire('acme')
  const waits = [0, 1].map((place) => lb.acquire('acme', { avoid: [ADDRESSES[place]] }))
  seat.finish()
  for (const [place, wait] of waits.entries()) {
    const lease = await wait
    lease.finish()
    assert.equal(lease.address, ADDRESSES[1 - place])
  }
  assert.deepEqual(new Set([1, 2].map(() => served(lb, 'acme'))), new Set(ADDRESSES))
})

test('what is no list of addresses is an error that names it', async () => {
  const lb = balancer()
  for (const avoid of [null, 7, ADDRESSES[0], new Set(ADDRESSES), { 0: ADDRESSES[0], length: 1 }, () => ADDRESSES]) {
    assert.throws(() => lb.tryAcquire('acme', { avoid }), /^TypeError: avoid must be an array of addresses, not /)
    await assert.rejects(lb.acquire('acme', { avoid }), /^TypeError: avoid must be an array of addresses, not /)
  }
  for (const wrong of [null, undefined, 7, 1n, Symbol('a'), ADDRESSES]) {
    assert.throws(() => lb.tryAcquire('acme', { avoid: ['x', wrong] }), /^TypeError: avoid\[1\] must be a string, not /)
  }
  assert.throws(() => lb.tryAcquire('acme', { avoid: ['a\ud800'] }), /^RangeError: avoid\[0\] must be well-formed/)
  for (const odd of ['', '\0', '"', '\\', '😀', 'x'.repeat(2 ** 20)]) served(lb, 'acme', { avoid: [odd], key: odd })
  assert.equal(lb.stats().pools[0].inFlight, 0)
})

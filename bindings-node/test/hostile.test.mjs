import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Balancer, ConfigError, Lease, ManualClock, Rejection, TenantHandle } from 'tenantry'
import balancerModule from '../lib/balancer.cjs'

const CONFIG = {
  unknown_tenants: 'reject',
  pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 8 } },
  tenants: { acme: {}, 'a\ufffd': {}, 'nul\0nul': {}, ['ü'.repeat(127)]: {} },
}

const lb = new Balancer(CONFIG, { clock: new ManualClock() })

const trap = new Proxy(
  {},
  {
    get() {
      throw new Error('trapped')
    },
    has() {
      throw new Error('trapped')
    },
  },
)
const NOT_STRINGS = [undefined, null, 0, 7, NaN, 1n, true, Symbol('acme'), {}, [], ['acme'], () => 'acme', new String('acme'), trap]
const NOT_OBJECTS = [null, 7, NaN, 1n, true, Symbol('x'), 'pool', () => 1]

function refused(call, type, pattern) {
  assert.throws(call, (error) => error instanceof type && pattern.test(error.message))
}

test('a tenant that is no string is a TypeError that says so', async () => {
  for (const tenant of NOT_STRINGS) {
    refused(() => lb.tryAcquire(tenant), TypeError, /^tenant must be a string or a TenantHandle, not /)
    refused(() => lb.check(tenant), TypeError, /^tenant must be a string or a TenantHandle, not /)
    await assert.rejects(lb.acquire(tenant), { name: 'TypeError', message: /^tenant must be a string or a TenantHandle/ })
    for (const ask of ['tenantStats', 'limitsOf', 'handle']) refused(() => lb[ask](tenant), TypeError, /^tenant must be a string/)
  }
  refused(() => lb.tryAcquire(), TypeError, /^tenant/)
})

test('so are options, pools, keys, signals, outcomes, configurations and clocks of the wrong type', async () => {
  for (const options of NOT_OBJECTS) {
    refused(() => lb.tryAcquire('acme', options), TypeError, /^options must be an object/)
    refused(() => lb.check('acme', options), TypeError, /^options must be an object/)
    await assert.rejects(lb.acquire('acme', options), { name: 'TypeError', message: /^options/ })
    refused(() => new Balancer(CONFIG, options), TypeError, /^options must be an object/)
  }
  for (const wrong of NOT_STRINGS.slice(1)) {
    refused(() => lb.tryAcquire('acme', { pool: wrong }), TypeError, /^pool must be a string/)
    refused(() => lb.tryAcquire('acme', { key: wrong }), TypeError, /^key must be a string or a Uint8Array/)
    await assert.rejects(lb.acquire('acme', { key: wrong }), { name: 'TypeError', message: /^key/ })
  }
  for (const clock of [...NOT_OBJECTS, {}, trap, Object.create(ManualClock.prototype)]) {
    refused(() => new Balancer(CONFIG, { clock }), TypeError, /^options\.clock must be a ManualClock/)
  }
  refused(() => new Balancer(CONFIG, { detectLeaks: 1 }), TypeError, /^options\.detectLeaks must be a boolean/)
  for (const config of [...NOT_OBJECTS, undefined, []]) {
    refused(() => new Balancer(config), TypeError, /^config must be an object/)
    refused(() => lb.reconfigure(config), TypeError, /^config must be an object/)
  }
  for (const signal of [...NOT_OBJECTS, {}, { aborted: false }]) {
    await assert.rejects(lb.acquire('acme', { signal }), { name: 'TypeError', message: /^signal must be an AbortSignal/ })
  }
  const lease = lb.tryAcquire('acme')
  for (const outcome of [null, 7, {}, Symbol('success'), trap]) {
    refused(() => lease.finish(outcome), TypeError, /^outcome must be a string/)
  }
  refused(() => lease.finish('Success'), RangeError, /^outcome must be .*"Success"/)
  for (const measured of NOT_OBJECTS) refused(() => lease.finish('success', measured), TypeError, /^measured/)
  lease.finish()
})

test('numbers outside their bounds are RangeErrors that name the argument, and change nothing', async () => {
  const lease = lb.tryAcquire('acme')
  for (const cost of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    refused(() => lb.tryAcquire('acme', { cost }), RangeError, /^cost must be a whole number/)
    refused(() => lb.check('acme', { cost }), RangeError, /^cost must be a whole number/)
    refused(() => lease.finish('success', { cost }), RangeError, /^cost must be a whole number/)
  }
  for (const cost of ['1', null, 1n, {}, Symbol('1')]) refused(() => lb.tryAcquire('acme', { cost }), TypeError, /^cost must be a number/)
  for (const ms of [-1, NaN, -Infinity]) {
    await assert.rejects(lb.acquire('acme', { timeoutMs: ms }), { name: 'RangeError', message: /^timeoutMs/ })
    refused(() => lease.finish('success', { latencyMs: ms }), RangeError, /^latencyMs/)
    refused(() => lease.finish('success', { retryAfterMs: ms }), RangeError, /^retryAfterMs/)
  }
  refused(() => lease.finish('success', { latencyMs: '3' }), TypeError, /^latencyMs must be a number, not a string/)
  const clock = new ManualClock()
  for (const ns of [-1, 0.5, NaN, 2 ** 53, -1n, 2n ** 64n]) refused(() => clock.advance(ns), RangeError, /^ns must be/)
  for (const ns of ['1', null, undefined, {}, Symbol('1')]) refused(() => clock.advance(ns), TypeError, /^ns must be a number or a bigint/)
  assert.equal(clock.now(), 0n)
  lease.finish('overload', { cost: 2 ** 53 - 1, latencyMs: Number.MAX_VALUE, retryAfterMs: Infinity })
  assert.equal(lb.stats().pools[0].inFlight, 0)
})

test('amounts of any other kind are errors that name the dimension, and change nothing', async () => {
  const lease = lb.tryAcquire('acme')
  for (const amounts of [...NOT_OBJECTS, [], [1], new Map([['input_units', 1]])]) {
    refused(() => lb.tryAcquire('acme', { amounts }), TypeError, /^amounts must be an object/)
    refused(() => lb.check('acme', { amounts }), TypeError, /^amounts must be an object/)
    refused(() => lease.finish('success', { amounts }), TypeError, /^amounts must be an object/)
    await assert.rejects(lb.acquire('acme', { amounts }), { name: 'TypeError', message: /^amounts must be/ })
  }
  for (const amount of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    refused(() => lb.tryAcquire('acme', { amounts: { units: amount } }), RangeError, /^amounts\.units must be a whole number/)
    refused(() => lease.report('units', amount), RangeError, /^amount must be a whole number/)
  }
  for (const amount of [undefined, null, '1', 1n, {}, Symbol('1'), trap]) {
    refused(() => lb.check('acme', { amounts: { units: amount } }), TypeError, /^amounts\.units must be a number/)
    refused(() => lease.report('units', amount), TypeError, /^amount must be a number/)
  }
  for (const dimension of NOT_STRINGS) refused(() => lease.report(dimension, 1), TypeError, /^dimension must be a string/)
  const throwing = { get units() { throw new Error('trapped') } }
  refused(() => lb.tryAcquire('acme', { amounts: throwing }), Error, /^trapped$/)
  refused(() => lease.finish('success', { amounts: throwing }), Error, /^trapped$/)
  const keys = new Proxy({}, { ownKeys() { throw new Error('trapped') } })
  refused(() => lb.tryAcquire('acme', { amounts: keys }), Error, /^trapped$/)
  for (const name of ['', 'a\ud800', 'x'.repeat(2 ** 20), '__proto__', 'constructor']) {
    assert.equal(lb.tryAcquire('acme', { amounts: { ['units' + name]: 1 } }).code, 'UNKNOWN_DIMENSION')
    assert.throws(() => lease.report(name, 1), { code: 'UNKNOWN_DIMENSION' })
  }
  lease.finish()
  assert.equal(lb.stats().pools[0].inFlight, 0)
})

test('text of any kind is an id, a pool or a key, and never a crash', async () => {
  const ill = ['a\ud800', 'a\udfff', '\ud83d', 'a\udc00b\ud800']
  const odd = ['', '\0', 'acme\0', 'x'.repeat(256), 'ü'.repeat(128), '😀'.repeat(64), 'x'.repeat(2 ** 24), '__proto__', 'constructor']
  for (const text of [...ill, ...odd]) {
    assert.equal(lb.tryAcquire(text).code, 'UNKNOWN_TENANT', JSON.stringify(text.slice(0, 9)))
    assert.equal(lb.check(text).code, 'UNKNOWN_TENANT')
    assert.equal(lb.tryAcquire('acme', { pool: text }).code, 'UNKNOWN_POOL')
    assert.equal(await lb.acquire(text).catch((error) => error.code), 'UNKNOWN_TENANT')
    lb.tryAcquire('acme', { key: text }).finish()
  }
  // Tenants whose names are nearly those: a replaced surrogate must not lead to them.
  for (const tenant of ['a\ufffd', 'nul\0nul', 'ü'.repeat(127), ['ac', 'me'].join('')]) lb.tryAcquire(tenant).finish()
  lb.tryAcquire('acme', { key: 'ü'.repeat(1000) }).finish()
  assert.equal(lb.stats().pools[0].inFlight, 0)
})

test('an ill-formed or over-long id names nobody even where unknown tenants are made', () => {
  const open = new Balancer({ ...CONFIG, unknown_tenants: { template: 'free' }, templates: { free: {} } })
  for (const id of ['a\ud800', 'x'.repeat(256), '']) assert.equal(open.tryAcquire(id).code, 'UNKNOWN_TENANT')
  open.tryAcquire('x'.repeat(255)).finish()
})

test('getters and proxies run before the decision, and may call again', async () => {
  refused(() => lb.tryAcquire('acme', trap), Error, /^trapped$/)
  await assert.rejects(lb.acquire('acme', trap), /^Error: trapped$/)
  const inner = []
  const options = {
    get cost() {
      inner.push(lb.tryAcquire('acme'))
      return 1
    },
    get pool() {
      inner.push(lb.tryAcquire('nobody'))
      return 'api'
    },
  }
  const lease = lb.tryAcquire('acme', options)
  assert.deepEqual([lease.ok, ...inner.map((one) => one.ok)], [true, false, true])
  // Finishing inside of finishing ends it once.
  lease.finish('success', {
    get cost() {
      lease.finish('cancelled')
      inner[1].finish()
      return 1
    },
  })
  assert.equal(lb.stats().pools[0].inFlight, 0)
})

test('a hostile signal harms only its own request', async () => {
  const one = new Balancer({ ...CONFIG, pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 1 } } })
  const seat = one.tryAcquire('acme')
  const bad = {
    aborted: false,
    addEventListener() {
      one.tryAcquire('nobody')
      throw new Error('no listeners here')
    },
    removeEventListener() {},
  }
  const worse = {
    aborted: false,
    addEventListener: () => one.tryAcquire('nobody'),
    removeEventListener() {
      throw new Error('never')
    },
  }
  await assert.rejects(one.acquire('acme', { signal: bad }), /no listeners here/)
  const waits = [one.acquire('acme', { signal: worse }), one.acquire('acme')]
  seat.finish()
  for (const wait of waits) (await wait).finish()
  assert.deepEqual([one.stats().pools[0].inFlight, one.stats().pools[0].waiting], [0, 0])
})

test('configurations that JSON cannot hold are refused or their own error comes through', () => {
  const circular = { pools: {} }
  circular.pools.api = circular
  refused(() => new Balancer(circular), TypeError, /circular/)
  refused(() => new Balancer(trap), Error, /trapped/)
  let deep = {}
  for (let i = 0; i < 500; i++) deep = { pools: deep }
  assert.throws(() => new Balancer(deep), ConfigError)
  for (let i = 0; i < 100_000; i++) deep = { pools: deep }
  refused(() => new Balancer(deep), RangeError, /stack/)
  assert.throws(() => new Balancer({ pools: { 'a\ud800': 3 } }), ConfigError)
  assert.throws(() => new Balancer({ toJSON: () => 'text' }), ConfigError)
  refused(() => new Balancer({ toJSON: () => undefined }), TypeError, /^config/)
})

test('nobody but a balancer makes leases and rejections', () => {
  refused(() => new Lease(), TypeError, /only a Balancer/)
  refused(() => new Rejection(), TypeError, /only a Balancer/)
  refused(() => new TenantHandle(), TypeError, /only a Balancer/)
  for (const Class of [Balancer, ManualClock, Lease]) {
    const fake = Object.create(Class.prototype)
    for (const name of ['tryAcquire', 'stats', 'advance', 'now', 'finish']) {
      if (name in fake) assert.throws(() => fake[name](name === 'finish' ? 'success' : 'acme'), TypeError)
    }
  }
})

test('calls that go round the facade get errors, and no crash', () => {
  const { operations, native } = balancerModule.coreOf(lb)
  assert.throws(() => operations.tryAcquire(), { code: 'TENANTRY_INTERNAL' })
  assert.throws(() => operations.tryAcquire(7, 7), { code: 'TENANTRY_INTERNAL' })
  assert.throws(() => operations.acquire(Symbol('a')), { code: 'TENANTRY_INTERNAL' })
  const words = new Uint32Array(operations.mailbox)
  for (const fill of [0xffffffff, 0x7fffffff, 12345]) {
    words.fill(fill)
    for (const name of ['finish', 'finishMeasured', 'cancel', 'poll', 'next', 'tryAcquire', 'check', 'report', 'handle', 'dropHandle']) {
      try {
        operations[name]('acme', 'key')
      } catch (error) {
        assert.equal(error.code, 'TENANTRY_INTERNAL')
      }
    }
  }
  assert.equal(native.address(99), null)
})

test('a panic becomes an Error, and the balancer goes on', () => {
  const { operations, native } = balancerModule.coreOf(lb)
  assert.throws(() => operations.panic(), { code: 'TENANTRY_INTERNAL', message: /internal panic/ })
  assert.throws(() => native.panic(), Error)
  lb.tryAcquire('acme').finish()
})

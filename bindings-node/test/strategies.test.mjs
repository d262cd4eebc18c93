import assert from 'node:assert/strict'
import { test } from 'node:test'

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'

import { Balancer, ManualClock } from 'tenantry'

const ADDRESSES = ['http://10.0.0.1:80', 'http://10.0.0.2:80', 'http://10.0.0.3:80']

function config(strategy, settings = {}) {
  return { seed: 7, pools: { api: { endpoints: ADDRESSES, capacity: 8, strategy, ...settings } }, tenants: { acme: {}, globex: {} } }
}

function served(lb, options) {
  const lease = lb.tryAcquire('acme', options)
  lease.finish()
  return lease.address
}

function atRest(lb) {
  const [pool] = lb.stats().pools
  assert.deepEqual([pool.inFlight, pool.waiting, ...pool.endpoints.map((one) => one.inFlight)], [0, 0, 0, 0, 0])
}

async function warningsOf(act) {
  const warnings = []
  const onWarning = (warning) => warnings.push(warning)
  process.on('warning', onWarning)
  await act()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', onWarning)
  return warnings
}

test('a function sees what distinguishes one pick from the next', async () => {
  const picks = () => {
    const seen = []
    const drawn = (candidates, _key, pick) => {
      seen.push(pick)
      return Number(pick.draw % BigInt(candidates.length))
    }
    const lb = new Balancer(config(drawn))
    const addresses = Array.from({ length: 5 }, () => served(lb))
    assert.deepEqual(addresses, seen.map(({ draw }) => ADDRESSES[Number(draw % 3n)]))
    return seen
  }
  const first = picks()
  assert.deepEqual(first.map(({ turn }) => turn - first[0].turn), [0, 1, 2, 3, 4])
  assert.ok(first.every(({ draw, waited }) => draw >= 0n && draw < 2n ** 64n && waited === false))
  assert.equal(new Set(first.map(({ draw }) => draw)).size, 5)
  assert.deepEqual(picks(), first, 'the seed replays')

  const waited = []
  const lb = new Balancer(config((_candidates, _key, pick) => waited.push(pick.waited) - waited.length, { capacity: 1 }))
  const [one, other] = [lb.tryAcquire('acme'), lb.acquire('acme')]
  one.finish()
  ;(await other).finish()
  assert.deepEqual(waited, [false, true])
})

test('a function picks, and sees the candidates and the key', () => {
  const seen = []
  const lb = new Balancer(config((candidates, key) => (seen.push({ candidates, key }), 2)), { clock: new ManualClock() })
  const held = lb.tryAcquire('acme', { key: 'user-ü' })
  assert.equal(held.address, ADDRESSES[2])
  held.finish('success', { latencyMs: 2 })
  const next = lb.tryAcquire('acme')
  const plain = (inFlight) => ADDRESSES.map((address, i) => ({ address, weight: 1, inFlight: i === 2 ? inFlight : 0, usable: true }))
  assert.deepEqual(seen[0], { candidates: plain(0), key: 'user-ü' })
  assert.deepEqual(seen[1].candidates, plain(0).map((one, i) => (i === 2 ? { ...one, latencyMs: 2 } : one)))
  assert.equal(seen[1].key, undefined)
  lb.tryAcquire('acme').finish()
  assert.equal(seen[2].candidates[2].inFlight, 1)
  next.finish()
  atRest(lb)
})

test('an answer that is no candidate falls back, without a warning', async () => {
  const warnings = await warningsOf(() => {
    for (const answer of [undefined, null, -1, 7, 2 ** 31, 2 ** 53, -(2 ** 40)]) {
      const lb = new Balancer(config(() => answer))
      assert.ok(ADDRESSES.includes(served(lb)))
      atRest(lb)
    }
  })
  assert.deepEqual(warnings, [])
})

test('what throws, or answers no number, is told of, and the request is served', async () => {
  const hostile = { [Symbol.for('nodejs.util.inspect.custom')]: () => { throw new Error('trap') } }
  const strategies = [
    () => { throw new RangeError('nobody') },
    () => { throw hostile },
    () => { throw undefined },
    () => 'first',
    () => 0.5,
    async () => 0,
  ]
  const warnings = await warningsOf(() => {
    for (const strategy of strategies) {
      const lb = new Balancer(config(strategy))
      assert.ok(ADDRESSES.includes(served(lb)))
      atRest(lb)
    }
  })
  assert.deepEqual(warnings.map(({ code }) => code), strategies.map(() => 'TENANTRY_STRATEGY'))
  assert.match(warnings[0].detail, /RangeError: nobody[^]*strategies\.test\.mjs/)
  assert.match(warnings[3].detail, /TypeError: what a strategy returns must be a whole number, not a string/)
})

test('a function may ask the balancer that asks it, and change it', async () => {
  let depth = 0
  const lb = new Balancer(config(nested, { capacity: 1_000 }))
  function nested() {
    if (++depth < 5) {
      // More names than were known, other words in the mailbox, another configuration, waiters.
      assert.equal(lb.tryAcquire('globex', { pool: `nope-${depth}`, cost: 9, priority: 0 }).code, 'UNKNOWN_POOL')
      assert.equal(lb.tryAcquire('acme', { amounts: { nothing: 1 } }).code, 'UNKNOWN_DIMENSION')
      served(lb, { pool: 'api', key: `k${depth}`, seats: 3 })
      lb.check('acme')
      lb.changeEndpoints('api', { reweigh: { [ADDRESSES[0]]: depth } })
      if (depth === 3) lb.reconfigure(config(() => 1, { capacity: 1_000 }))
      lb.acquire('acme', { prefer: ADDRESSES[1] }).then((lease) => lease.finish())
      lb.stats()
    }
    depth--
    return 2
  }
  const lease = lb.tryAcquire('acme', { pool: 'api', key: 'outer', cost: 5 })
  assert.equal(lease.address, ADDRESSES[2])
  lease.finish('success', { cost: 5 })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(served(lb), ADDRESSES[1], 'the new one is in force')
  atRest(lb)
})

test('a request that has waited is picked for when its seat has come', async () => {
  const keys = []
  const lb = new Balancer(config((_, key) => (keys.push(key), 1), { capacity: 1 }))
  const first = lb.tryAcquire('acme')
  const waiting = ['a', 'b', undefined].map((key) => lb.acquire('acme', { key }))
  assert.deepEqual(keys, [undefined])
  first.finish()
  for (const one of waiting) {
    const lease = await one
    assert.equal(lease.address, ADDRESSES[1])
    lease.finish()
  }
  assert.deepEqual(keys, [undefined, 'a', 'b', undefined])
  atRest(lb)
})

test('a key that was given as bytes is shown as bytes, so that no two look alike, also to who has waited', async () => {
  const keys = []
  const lb = new Balancer(config((_, key) => (keys.push(key), 0), { capacity: 1 }))
  const given = [new Uint8Array([0xff]), Buffer.from([0xfe]), new Uint8Array([0x61]), new Uint8Array(), 'a', '']
  for (const key of given) served(lb, { key })
  const first = lb.tryAcquire('acme')
  const waiting = given.map((key) => lb.acquire('acme', { key }))
  first.finish()
  for (const one of waiting) (await one).finish()
  const plain = given.map((key) => (typeof key === 'string' ? key : new Uint8Array(key)))
  assert.deepEqual(keys, [...plain, undefined, ...plain])
  atRest(lb)
})

test('a function that asks with a key of another form leaves the form of the outer one as it is', () => {
  const keys = []
  const lb = new Balancer(config((_, key) => {
    keys.push(key)
    if (keys.length === 1) served(lb, { key: 'inner' })
    return 0
  }))
  served(lb, { key: new Uint8Array([1]) })
  served(lb, { key: 'outer' })
  assert.deepEqual(keys, [new Uint8Array([1]), 'inner', 'outer'])
})

test('where endpoints have limits of their own, as many are picked for as these let in, and the others wait on', async () => {
  const clock = new ManualClock()
  const endpoints = ADDRESSES.map((address) => ({ address, rate: '1/s' }))
  const shown = []
  const strategy = (candidates) => (shown.push(candidates.map(({ inFlight, usable }) => [inFlight, usable])), 0)
  const queue = { timeout: '1h' }
  const lb = new Balancer({ pools: { api: { endpoints, strategy, queue, capacity: 8 } }, tenants: { acme: {} } }, { clock })
  for (let spent = 0; spent < 3; spent++) lb.tryAcquire('acme').finish()
  const answers = []
  for (let waiting = 0; waiting < 9; waiting++) lb.acquire('acme').then((lease) => answers.push(lease), (error) => answers.push(error))
  for (let round = 1; round <= 3; round++) {
    shown.length = 0
    clock.advance(1_000_000_000)
    for (let turn = 0; turn < 100 && answers.length < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(answers.map(({ code, address }) => code ?? address).sort(), ADDRESSES)
    // Each is shown its own place as free, and those of the others as taken.
    assert.deepEqual(shown.map((candidates) => candidates.filter(([inFlight, usable]) => inFlight === 0 && usable).length), [1, 1, 1])
    for (const lease of answers.splice(0)) lease.finish()
  }
  atRest(lb)
})

test('a function that aborts the very request it picks for loses no seat', async () => {
  let controller = new AbortController()
  const lb = new Balancer(config(() => (controller.abort(new Error('enough')), 0), { capacity: 1 }))
  const held = lb.tryAcquire('acme')
  controller = new AbortController()
  const waiting = lb.acquire('acme', { signal: controller.signal })
  held.finish()
  await assert.rejects(waiting, /enough/)
  atRest(lb)
  // Also where it is aborted while the request is still on its way into the queue.
  const pools = { full: { endpoints: [ADDRESSES[0]], capacity: 1, strategy: () => (controller.abort(), null) } }
  const other = new Balancer({ pools, tenants: { acme: {} } })
  controller = new AbortController()
  const lease = await other.acquire('acme', { signal: controller.signal })
  lease.finish()
})

test('with endpoints that have limits of their own, functions pick outside of the queue', async () => {
  const endpoints = ADDRESSES.map((address) => ({ address, rate: { requests: 1, per: '20ms' } }))
  const lb = new Balancer(config((candidates) => candidates.findIndex((one) => one.usable), { endpoints, capacity: 1 }))
  const one = async () => (await lb.acquire('acme')).finish()
  await Promise.all(Array.from({ length: 9 }, one))
  atRest(lb)
})

test('a refused configuration keeps the function that is in force', () => {
  const lb = new Balancer(config(() => 2))
  assert.throws(() => lb.reconfigure(config(() => 1, { capacty: 3 })), /capacty/)
  assert.equal(served(lb), ADDRESSES[2])
  lb.reconfigure(config('round_robin'))
  assert.deepEqual(new Set([served(lb), served(lb), served(lb)]), new Set(ADDRESSES))
  lb.reconfigure(config(() => 0))
  assert.equal(served(lb), ADDRESSES[0])
})

test('a function that refers to its balancer keeps it from nothing', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  const gone = new FinalizationRegistry(() => collected++)
  let collected = 0
  ;(() => {
    for (let i = 0; i < 20; i++) {
      const lb = new Balancer(config(() => (lb.stats(), 0)))
      // Leases and waiters end in finalizers, where no function can be called.
      lb.reconfigure(config(() => (lb.stats(), 0), { capacity: 1 }))
      lb.tryAcquire('acme')
      lb.acquire('acme', { timeoutMs: 1 }).catch(() => {})
      gone.register(lb, i)
    }
  })()
  for (let tries = 0; tries < 200 && collected < 20; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    gc()
  }
  assert.equal(collected, 20)
})

test('a worker that is ended while a function runs takes nobody with it', async () => {
  const source = `
    import { createRequire } from 'node:module'
    const require = createRequire(${JSON.stringify(import.meta.url)})
    const { parentPort } = require('node:worker_threads')
    const { Balancer } = require('tenantry')
    const strategy = () => { parentPort.postMessage('asked'); for (;;); }
    const lb = new Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'], strategy } }, tenants: { acme: {} } })
    lb.tryAcquire('acme')
  `
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
    await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
  }
})

test('a load report is read, and a bad one refused', () => {
  const lb = new Balancer(config({ kind: 'least_loaded', load: 'reported' }, { endpoints: ADDRESSES.slice(0, 2) }))
  const picks = []
  for (let i = 0; i < 20; i++) {
    const lease = lb.tryAcquire('acme')
    picks.push(lease.address)
    lease.reportLoad(`TEXT cpu_utilization:${lease.address === ADDRESSES[0] ? 0.9 : 0.3}`)
    assert.throws(() => lease.reportLoad('TEXT cpu_utilization:nan'), /^RangeError: report: .*number/)
    assert.throws(() => lease.reportLoad(7), /^TypeError: report must be a string/)
    lease.finish()
    lease.reportLoad('TEXT cpu_utilization:0.1')
  }
  assert.ok(picks.filter((address) => address === ADDRESSES[1]).length >= 18)
})

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

import { Balancer, ManualClock, Rejection } from 'tenantry'

function balancer({ capacity = 1, clock, tenants = { acme: {}, other: {} }, queue } = {}) {
  const pools = { api: { endpoints: ['http://10.0.0.1:80', 'http://10.0.0.2:80'], capacity, queue } }
  return new Balancer({ seed: 7, pools, tenants }, { clock })
}

function atRest(lb) {
  const { tenants, pools } = lb.stats()
  for (const one of [...tenants, ...pools]) assert.deepEqual([one.inFlight, one.waiting], [0, 0], JSON.stringify(one))
}

test('acquire does not wait while there are seats', async () => {
  const lb = balancer({ capacity: 2 })
  const leases = [await lb.acquire('acme'), await lb.acquire('acme', { pool: 'api', key: 'k', cost: 2 })]
  leases.forEach((lease) => lease.finish())
  atRest(lb)
})

test('waiters of one tenant are served in the order in which they came', async () => {
  const lb = balancer()
  const first = lb.tryAcquire('acme')
  const order = []
  const waiting = Array.from({ length: 50 }, async (_, number) => {
    const lease = await lb.acquire('acme')
    order.push(number)
    assert.equal(lb.stats().pools[0].inFlight, 1)
    await null
    lease.finish()
  })
  first.finish()
  await Promise.all(waiting)
  assert.deepEqual(order, [...Array(50).keys()])
  atRest(lb)
})

test('two tenants that compete share the seat alternately, whatever each has queued', async () => {
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const served = []
  const run = async (tenant) => {
    const lease = await lb.acquire(tenant)
    served.push(tenant)
    lease.finish()
  }
  const all = [...Array(40).fill('acme'), ...Array(5).fill('other')].map(run)
  seat.finish()
  await Promise.all(all)
  assert.ok(served.lastIndexOf('other') < 12, served.join())
  atRest(lb)
})

test('nothing is lost under many tasks that finish, fail, give up and time out', async () => {
  const lb = balancer({ capacity: 7, queue: { per_tenant: 500, total: 600 } })
  let state = 1
  const random = (below) => (state = (state * 48271) % 2147483647) % below
  const served = { acme: 0, other: 0 }
  const task = async (number) => {
    const tenant = number % 3 ? 'acme' : 'other'
    const abort = new AbortController()
    const timeoutMs = random(4) === 0 ? random(5) : 20_000
    if (random(5) === 0) setTimeout(() => abort.abort(), random(5))
    try {
      await withLease(await lb.acquire(tenant, { signal: abort.signal, timeoutMs }), async (lease) => {
        served[tenant] += 1
        assert.ok(lb.stats().pools[0].inFlight <= 7)
        if (random(2)) await new Promise((resolve) => setImmediate(resolve))
        if (random(4)) lease.finish(['success', 'overload', 'cancelled'][random(3)])
      })
    } catch (error) {
      assert.ok(error instanceof Rejection ? ['TIMED_OUT', 'QUEUE_FULL'].includes(error.code) : error.name === 'AbortError', error)
    }
  }
  await Promise.all(Array.from({ length: 2000 }, (_, number) => task(number)))
  assert.ok(served.acme > 100 && served.other > 100, JSON.stringify(served))
  atRest(lb)
})

async function withLease(lease, act) {
  try {
    await act(lease)
  } finally {
    lease[Symbol.dispose]()
  }
}

test('a signal ends the wait with its reason, and the seat goes to the next', async () => {
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const abort = new AbortController()
  const reason = new Error('changed my mind')
  const given = lb.acquire('acme', { signal: abort.signal })
  const next = lb.acquire('acme')
  abort.abort(reason)
  await assert.rejects(given, (error) => error === reason)
  assert.equal(lb.stats().pools[0].waiting, 1)
  seat.finish()
  ;(await next).finish()
  await assert.rejects(lb.acquire('acme', { signal: AbortSignal.abort() }), { name: 'AbortError' })
  atRest(lb)
})

test('a signal that comes after the seat was given, but before anyone knew, hands the seat on', async () => {
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const abort = new AbortController()
  const given = lb.acquire('acme', { signal: abort.signal })
  const next = lb.acquire('acme')
  seat.finish()
  abort.abort()
  await assert.rejects(given, { name: 'AbortError' })
  ;(await next).finish()
  abort.abort()
  atRest(lb)
})

test('an abort of a signal that many share ends all their waits, and no other', async () => {
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const abort = new AbortController()
  const all = Array.from({ length: 20 }, () => lb.acquire('acme', { signal: abort.signal }).catch((error) => error.name))
  const other = lb.acquire('acme', { signal: new AbortController().signal })
  abort.abort()
  assert.deepEqual(new Set(await Promise.all(all)), new Set(['AbortError']))
  seat.finish()
  ;(await other).finish()
  atRest(lb)
})

test('a signal shared by many waiters warns of nothing and keeps no listener', async () => {
  const warnings = []
  const onWarning = (warning) => warnings.push(warning)
  process.on('warning', onWarning)
  const { getEventListeners } = await import('node:events')
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const { signal } = new AbortController()
  const all = Array.from({ length: 20 }, async () => (await lb.acquire('acme', { signal })).finish())
  assert.equal(getEventListeners(signal, 'abort').length, 1)
  seat.finish()
  await Promise.all(all)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', onWarning)
  assert.deepEqual(warnings, [])
})

test('a timeout on the running clock rejects, and not before its time', async () => {
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const start = lb.nowNs()
  await assert.rejects(lb.acquire('acme', { timeoutMs: 20.5 }), { code: 'TIMED_OUT', ok: false })
  assert.ok(lb.nowNs() - start >= 20_500_000n)
  await assert.rejects(lb.acquire('acme', { timeoutMs: 0 }), { code: 'TIMED_OUT' })
  seat.finish()
  atRest(lb)
})

test('an endless timeout waits', async () => {
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const waiting = lb.acquire('acme', { timeoutMs: Infinity })
  setTimeout(() => seat.finish(), 5)
  ;(await waiting).finish()
  atRest(lb)
})

test('a manual clock alone ends waits on it, for every balancer that has it', async () => {
  const clock = new ManualClock()
  const balancers = [balancer({ clock }), balancer({ clock })]
  const seats = balancers.map((lb) => lb.tryAcquire('acme'))
  const waits = balancers.map((lb) => lb.acquire('acme', { timeoutMs: 5 }).catch((error) => error.code))
  await new Promise((resolve) => setTimeout(resolve, 15))
  clock.advance(4_999_999)
  assert.deepEqual(balancers.map((lb) => lb.stats().pools[0].waiting), [1, 1])
  clock.advance(1)
  assert.deepEqual(balancers.map((lb) => lb.stats().pools[0].waiting), [0, 0])
  assert.deepEqual(await Promise.all(waits), ['TIMED_OUT', 'TIMED_OUT'])
  seats.forEach((seat) => seat.finish())
})

test('an update that adds seats wakes who waits for one', async () => {
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const waiting = lb.acquire('acme')
  lb.reconfigure({ pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 2 } }, tenants: { acme: {} } })
  ;(await waiting).finish()
  seat.finish()
  atRest(lb)
})

test('a waiter keeps the asynchronous context that it was made in', async () => {
  const storage = new AsyncLocalStorage()
  const lb = balancer()
  const seat = lb.tryAcquire('acme')
  const seen = storage.run('mine', async () => {
    const lease = await lb.acquire('acme')
    lease.finish()
    return storage.getStore()
  })
  storage.run('theirs', () => seat.finish())
  assert.equal(await seen, 'mine')
})

const PRELUDE = `
  import { Balancer } from 'tenantry'
  const lb = new Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 1 } }, tenants: { acme: {} } })
`

function run(source, ...flags) {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', PRELUDE + source], {
    cwd,
    encoding: 'utf8',
    timeout: 30_000,
  })
  return { status, stdout, stderr }
}

test('a process ends by itself when nobody waits', () => {
  const { status, stderr } = run(`
    const seat = await lb.acquire('acme')
    const waiting = lb.acquire('acme')
    seat.finish()
    await waiting
  `)
  assert.equal(status, 0, stderr)
})

test('a process stays while somebody waits', () => {
  const { status, stdout } = run(`
    lb.tryAcquire('acme')
    await lb.acquire('acme', { timeoutMs: 100 }).catch((error) => console.log(error.code))
  `)
  assert.deepEqual([status, stdout.trim()], [0, 'TIMED_OUT'])
})

test('a rejection that nobody catches is shown with its code', () => {
  const { status, stderr } = run(`lb.acquire('nobody')`)
  assert.equal(status, 1)
  assert.match(stderr, /Rejection \[UNKNOWN_TENANT\]: no such tenant/)
})

test('balancers that nobody holds are collected, with those who wait for nothing more', () => {
  const { status, stdout, stderr } = run(
    `
    const collect = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)) } }
    const make = () => {
      for (let i = 0; i < 500; i++) {
        const one = new Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 1 } }, tenants: { acme: {} } })
        one.tryAcquire('acme')
        one.acquire('acme', { timeoutMs: 1 }).catch(() => {})
      }
    }
    // Each balancer has one handle in libuv's loop, given back when it is collected.
    const handles = () => process.report.getReport().libuv.length
    const before = handles()
    for (let i = 0; i < 4; i++) { make(); await collect() }
    console.log(handles() - before < 100 ? 'bounded' : handles() - before)
  `,
    '--expose-gc',
  )
  assert.equal(status, 0, stderr)
  assert.equal(stdout.trim(), 'bounded')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { Balancer, Probe, Probes } from 'tenantry'

const ADDRESSES = ['http://10.0.0.1:80', 'http://10.0.0.2:80']

function balancer(settings = {}) {
  const api = { endpoints: ADDRESSES, strategy: { kind: 'prequal', ...settings }, capacity: 1000 }
  return new Balancer({ seed: 7, pools: { api }, tenants: { acme: {} } })
}

function ask(lb) {
  const lease = lb.tryAcquire('acme')
  lease.finish('cancelled')
  return lease.address
}

/** The first endpoint is busy, the second is not. */
function answer(probe) {
  if (probe.address === ADDRESSES[0]) probe.answer(9, 900)
  else probe.answer(1, 20)
}

test('requests bring probes, and go by the answers', () => {
  const lb = balancer({ probe: '/load', timeout: '30ms' })
  const probes = lb.probes()
  assert.equal(probes.nextProbe(), undefined)
  ask(lb)
  const carried = new Set()
  let probe
  while ((probe = probes.nextProbe()) !== undefined) {
    assert.deepEqual([probe.path, probe.timeoutMs], ['/load', 30])
    answer(probe)
    answer(probe)
    probe.fail()
    carried.add(probe.address)
  }
  assert.deepEqual(carried, new Set(ADDRESSES))
  assert.equal(ask(lb), ADDRESSES[1])
})

test('a probe that is given up makes room', () => {
  const lb = balancer()
  const probes = lb.probes()
  for (let i = 0; i < 200; i++) {
    ask(lb)
    let probe = probes.nextProbe()
    assert.ok(probe, 'never more under way than may be')
    for (; probe !== undefined; probe = probes.nextProbe()) {
      probe.fail()
      probe.fail()
    }
  }
})

test('so does one that is collected', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  const lb = balancer()
  const probes = lb.probes()
  const exhaust = () => {
    let count = 0
    for (let i = 0; i < 200; i++) {
      ask(lb)
      for (let j = 0; j < 3; j++) if (probes.nextProbe() !== undefined) count++
    }
    return count
  }
  const most = exhaust()
  assert.ok(most < 100, `${most} of 600 under way`)
  let probe
  for (let tries = 0; tries < 200 && probe === undefined; tries++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
    ask(lb)
    probe = probes.nextProbe()
  }
  assert.ok(probe)
})

test('a loop waits for the next, until the signal says stop', async () => {
  const lb = balancer()
  const controller = new AbortController()
  let answered = 0
  const carry = async () => {
    for await (const probe of lb.probes({ signal: controller.signal })) {
      answer(probe)
      answered++
    }
    return 'stopped'
  }
  const loop = carry()
  for (let i = 0; i < 50; i++) {
    ask(lb)
    await new Promise((resolve) => setImmediate(resolve))
  }
  let other
  lb.probes()[Symbol.asyncIterator]().next().then(({ value }) => (other = value))
  while (answered < 50 || other === undefined) await new Promise((resolve) => (ask(lb), setImmediate(resolve)))
  answer(other)
  assert.equal(ask(lb), ADDRESSES[1])
  controller.abort()
  assert.equal(await loop, 'stopped')
  for await (const probe of lb.probes({ signal: controller.signal })) assert.fail(probe)
})

test('a loop that waits keeps neither the process nor its balancer alive', () => {
  const source = `
    import { Balancer } from ${JSON.stringify(new URL('../index.mjs', import.meta.url).href)}
    const pools = { api: { endpoints: ['http://10.0.0.1:80'], strategy: 'prequal' } }
    let collected = 0
    const gone = new FinalizationRegistry(() => collected++)
    const carry = async (probes) => { for await (const probe of probes) probe.fail() }
    const make = () => {
      const lb = new Balancer({ pools, tenants: { acme: {} } })
      carry(lb.probes())
      gone.register(lb, 1)
    }
    for (let i = 0; i < 20; i++) make()
    for (let tries = 0; tries < 200 && collected < 20; tries++) { await new Promise((resolve) => setTimeout(resolve, 5)); gc() }
    console.log(collected)
    globalThis.lb = new Balancer({ pools, tenants: { acme: {} } })
    carry(globalThis.lb.probes())
  `
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', source], { cwd, encoding: 'utf8', timeout: 60_000 })
  assert.deepEqual([status, stdout.trim(), stderr], [0, '20', ''])
})

test('what makes no sense is an error, and leaves the probe open', () => {
  const lb = balancer()
  ask(lb)
  const probe = lb.probes().nextProbe()
  for (const rif of [-1, 0.5, 2 ** 32, NaN]) assert.throws(() => probe.answer(rif), /^RangeError: rif must be a whole number/)
  assert.throws(() => probe.answer('1'), /^TypeError: rif must be a number/)
  assert.throws(() => probe.answer(1, -1), /^RangeError: latencyMs/)
  assert.throws(() => probe.answer(1, '3'), /^TypeError: latencyMs/)
  probe.answer(1, Number.MAX_VALUE)
  for (const wrong of [null, 7, 'x']) assert.throws(() => lb.probes(wrong), /^TypeError: options must be an object/)
  assert.throws(() => lb.probes({ signal: {} }), /^TypeError: signal must be an AbortSignal/)
  assert.throws(() => new Probe(), TypeError)
  assert.throws(() => new Probes(), TypeError)
})

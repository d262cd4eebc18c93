import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'node:test'

import { Balancer, LedgerError, ManualClock } from 'tenantry'

const START = 1_796_083_200_000

function balancer({ unixMs = START, tenants = {} } = {}) {
  const pools = { api: { endpoints: ['http://10.0.0.1:80'] } }
  const budget = { cost: 1_000, per: 'month' }
  return new Balancer({ pools, tenants: { acme: { budget }, ...tenants } }, { clock: new ManualClock({ unixMs }) })
}

function spent(cost, options) {
  const lb = balancer(options)
  assert.ok(lb.check('acme', { cost }).ok)
  return lb
}

function used(lb) {
  return lb.limitsOf('acme')[0].used
}

function loaded(path) {
  const lb = balancer()
  lb.loadLedger(path)
  return used(lb)
}

function inFolder(act) {
  return () => {
    const folder = fs.mkdtempSync(join(tmpdir(), 'tenantry-'))
    try {
      act(folder, join(folder, 'tenantry.ledger'))
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  }
}

test('settlements are counted from the first ledger on', () => {
  const lb = spent(400)
  assert.equal(lb.settlements(), 0)
  lb.ledger()
  const lease = lb.tryAcquire('acme')
  lb.check('acme')
  assert.equal(lb.settlements(), 1, 'in flight is not settled')
  lease.finish()
  assert.equal(lb.settlements(), 2)
})

test('bytes bring back what was used, and only once', () => {
  const before = spent(400, { tenants: { gone: { budget: { cost: 10, per: 'month' } } } })
  before.check('gone')
  const ledger = before.ledger()
  assert.ok(Buffer.isBuffer(ledger))
  const after = balancer({ unixMs: START + 60_000 })
  assert.deepEqual(after.restore(ledger), { tenants: 1, leftOut: 1 })
  const shared = new Uint8Array(new SharedArrayBuffer(ledger.length))
  shared.set(ledger)
  for (const again of [new Uint8Array(ledger), shared]) after.restore(again)
  assert.equal(used(after), 400)
  const later = balancer({ unixMs: START + 32 * 86_400_000 })
  later.restore(ledger)
  assert.equal(used(later), 0)
})

test('every cut and every changed byte is recognised, and restores nothing', () => {
  const ledger = spent(400).ledger()
  const lb = balancer()
  const refused = (bytes) => assert.throws(() => lb.restore(bytes), (error) => error instanceof LedgerError && error.code === 'LEDGER')
  for (let length = 0; length < ledger.length; length++) refused(ledger.subarray(0, length))
  refused(Buffer.concat([ledger, Buffer.alloc(1)]))
  for (let place = 0; place < ledger.length; place++) {
    const changed = Buffer.from(ledger)
    changed[place] ^= 0x10
    refused(changed)
  }
  assert.equal(used(lb), 0)
})

test('what is no bytes is a TypeError that says so', () => {
  const lb = balancer()
  const proxy = new Proxy(new Uint8Array(3), {})
  for (const ledger of [undefined, null, 5, 'text', [1], {}, new ArrayBuffer(3), new DataView(new ArrayBuffer(3)), new Uint16Array(3), proxy]) {
    assert.throws(() => lb.restore(ledger), { name: 'TypeError', message: /^ledger must be a Buffer or a Uint8Array/ })
  }
  for (const path of [undefined, null, 5, {}, Buffer.from('x')]) {
    assert.throws(() => lb.saveLedger(path), { name: 'TypeError', message: /^path must be a string or a URL/ })
    assert.throws(() => lb.loadLedger(path), { name: 'TypeError', message: /^path must be a string or a URL/ })
  }
})

test('a file keeps the ledger and the one before it', inFolder((folder, path) => {
  assert.equal(balancer().loadLedger(path), undefined)
  const lb = spent(100)
  lb.saveLedger(path)
  lb.check('acme', { cost: 50 })
  lb.saveLedger(pathToFileURL(path))
  assert.deepEqual(fs.readdirSync(folder).sort(), ['tenantry.ledger', 'tenantry.ledger.previous'])
  const after = balancer()
  assert.deepEqual(after.loadLedger(path), { tenants: 1, leftOut: 0 })
  assert.equal(used(after), 150)
}))

test('a torn file gives way to the one before it', inFolder((_, path) => {
  for (const left of [0, 1, 35, 36, 60]) {
    for (const cost of [100, 250]) spent(cost).saveLedger(path)
    assert.ok(fs.statSync(path).size > left)
    fs.truncateSync(path, left)
    assert.equal(loaded(path), 100)
    // And the next save leaves a whole one again.
    spent(300).saveLedger(path)
    assert.equal(loaded(path), 300)
  }
}))

test('where nothing is whole nothing is restored, and that is said', inFolder((_, path) => {
  fs.writeFileSync(path, 'tenantry\0')
  fs.writeFileSync(`${path}.previous`, '')
  const lb = balancer()
  assert.throws(() => lb.loadLedger(path), (error) => error instanceof LedgerError && error.message.startsWith(`${path} cannot be read`))
  assert.equal(used(lb), 0)
}))

test('a damaged file never takes the place of the good one before it', inFolder((_, path) => {
  for (const cost of [100, 250]) spent(cost).saveLedger(path)
  const good = fs.readFileSync(`${path}.previous`)
  fs.truncateSync(path, fs.statSync(path).size - 1)
  spent(300).saveLedger(path)
  assert.deepEqual(fs.readFileSync(`${path}.previous`), good)
  fs.truncateSync(path, 0)
  assert.equal(loaded(path), 100)
}))

test('a first save that never ended has left no ledger', inFolder((_, path) => {
  const whole = spent(100).ledger()
  for (const torn of [Buffer.alloc(0), whole.subarray(0, whole.length - 1)]) {
    fs.writeFileSync(`${path}.new`, torn)
    assert.equal(balancer().loadLedger(path), undefined)
  }
  fs.writeFileSync(`${path}.new`, whole)
  assert.deepEqual(balancer().loadLedger(path), { tenants: 1, leftOut: 0 })
}))

test('a crash at any step of a save leaves the old or the new', inFolder((_, path) => {
  const names = ['writeFileSync', 'fsyncSync', 'renameSync']
  // Write and sync the new one; two renames; sync the folder.
  for (let step = 0; step < 5; step++) {
    for (const cost of [100, 200]) spent(cost).saveLedger(path)
    const originals = names.map((name) => fs[name])
    let steps = 0
    for (const [place, name] of names.entries()) {
      fs[name] = (...given) => {
        if (steps++ === step) throw new Error('the process ends here')
        return originals[place](...given)
      }
    }
    try {
      assert.throws(() => spent(300).saveLedger(path), /ends here/)
    } finally {
      for (const [place, name] of names.entries()) fs[name] = originals[place]
    }
    assert.equal(loaded(path), step < 3 ? 200 : 300, `step ${step}`)
    spent(400).saveLedger(path)
    assert.equal(loaded(path), 400)
  }
}))

test('a file that cannot be written or read says so', inFolder((folder, path) => {
  const lb = spent(100)
  assert.throws(() => lb.saveLedger(join(folder, 'none', 'x')), { code: 'ENOENT' })
  fs.mkdirSync(path)
  assert.throws(() => lb.loadLedger(path), { code: 'EISDIR' })
}))

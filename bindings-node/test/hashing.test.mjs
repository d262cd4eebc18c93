import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { Balancer, ConfigError } from 'tenantry'

// The answers of nginx and Envoy for strategies by keys, which Rust and Python replay too. Without the files these tests fail.
const read = (name) => readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8')
const { cases } = JSON.parse(read('envoy-picks.json'))
const [, ...rows] = read('nginx-ketama.csv').trim().split(/\r?\n/).map((line) => line.split(','))

const server = (port, weight = 1) => ({ address: `http://127.0.0.1:${port}`, weight })
const pools = {
  eq5: [19001, 19002, 19003, 19004, 19005].map((port) => server(port)),
  w125: [server(19001), server(19002, 2), server(19003, 5)],
  eq5_rm3: [19001, 19002, 19004, 19005].map((port) => server(port)),
}

function balancer(strategy, endpoints) {
  return new Balancer({ pools: { api: { strategy, capacity: 100000, endpoints } }, tenants: { acme: {} } })
}

function address(lb, key) {
  const lease = lb.tryAcquire('acme', { key })
  lease.finish('success')
  return lease.address
}

test('there are enough answers to mean something', () => {
  assert.equal(rows.length, 2000)
  assert.ok(cases.flatMap(({ picks }) => picks).length >= 900)
})

for (const [column, endpoints] of Object.entries(pools)) {
  test(`every captured key goes where nginx sends it: ${column}`, () => {
    const lb = balancer('ketama', endpoints)
    const place = Object.keys(pools).indexOf(column) + 1
    for (const row of rows.slice(0, 100)) assert.equal(address(lb, Buffer.from(row[0])), `http://127.0.0.1:${row[place]}`, `${row}`)
    for (const row of rows) assert.equal(address(lb, row[0]), `http://127.0.0.1:${row[place]}`, `${row}`)
  })
}

test('the keys of an endpoint that is removed or drained go where nginx sends them, and come back', () => {
  const gone = 'http://127.0.0.1:19003'
  for (const [away, back] of [[{ remove: [gone] }, { add: [gone] }], [{ drain: [gone] }, { resume: [gone] }]]) {
    const lb = balancer('ketama', pools.eq5)
    lb.changeEndpoints('api', away)
    for (const row of rows) assert.equal(address(lb, row[0]), `http://127.0.0.1:${row[3]}`, `${row}`)
    lb.changeEndpoints('api', back)
    for (const row of rows) assert.equal(address(lb, row[0]), `http://127.0.0.1:${row[1]}`, `${row}`)
  }
})

for (const { name, strategy, endpoints, picks } of cases) {
  test(`every key goes where Envoy's figures put its hash: ${name}`, () => {
    const lb = balancer(strategy, endpoints)
    for (const [key, , expected] of picks) assert.equal(address(lb, key), expected, key)
  })
}

test('a bound on the load spreads a hot key', () => {
  const lb = balancer({ kind: 'rendezvous', bounded: 1.25 }, pools.eq5)
  const held = Array.from({ length: 48 }, () => lb.tryAcquire('acme', { key: 'hot' }))
  const loads = pools.eq5.map(({ address }) => held.filter((lease) => lease.address === address).length)
  assert.deepEqual(loads.sort((one, other) => one - other), [0, 12, 12, 12, 12])
  for (const lease of held) lease.finish('success')
})

test('a table that is no prime is refused with the next prime', () => {
  const refused = (error) =>
    error instanceof ConfigError && error.path === 'pools.api.strategy.size' && error.fix.includes('65537')
  assert.throws(() => balancer({ kind: 'maglev', size: 65536 }, pools.eq5), refused)
})

test('bytes are keys as text is, to the byte, of any length', async () => {
  const endpoints = Array.from({ length: 50 }, (_, place) => server(19001 + place))
  const lb = balancer('ring', endpoints)
  for (const text of ['user-7', 'zürich', '😀'.repeat(99), 'k'.repeat(2 ** 16)]) {
    const bytes = new TextEncoder().encode(text)
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    const part = new Uint8Array([0, ...bytes, 0]).subarray(1, -1)
    for (const key of [bytes, shared, part]) assert.equal(address(lb, key), address(lb, text))
    const lease = await lb.acquire('acme', { key: bytes, prefer: 'http://nobody' })
    lease.finish()
    assert.equal(lease.address, address(lb, text))
  }
  // Bytes that are no text are not all one text.
  const odd = new Set(Array.from({ length: 64 }, (_, byte) => address(lb, Uint8Array.of(128 + byte))))
  assert.ok(odd.size > 9, `${odd.size}`)
  for (const key of [new Uint16Array(3), new Uint8ClampedArray(3), new DataView(new ArrayBuffer(3)), new ArrayBuffer(3), [1, 2]]) {
    assert.throws(() => lb.tryAcquire('acme', { key }), { name: 'TypeError', message: /^key must be a string or a Uint8Array, not / })
  }
  // As without a key: any endpoint.
  for (const key of [new Uint8Array(), new Uint8Array(3).subarray(3)]) address(lb, key)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { Begun, ManualClock, ServerLoad } from 'tenantry'

const MILLISECOND = 1_000_000

/** Requests that come in when `rif` others are there, and take so long; as Rust's own test serves them. */
function serve(load, clock, rif, latencies) {
  const others = Array.from({ length: rif }, () => load.begin())
  for (const latency of latencies) {
    const request = load.begin()
    clock.advance(latency * MILLISECOND)
    request.end()
  }
  for (const other of others) other.abandon()
}

function latency(load, rif) {
  const others = Array.from({ length: rif }, () => load.begin())
  const report = load.report()
  assert.equal(report.rif, rif)
  for (const other of others) other[Symbol.dispose]()
  return report.latencyMs
}

test('it reports the median of those that came at the load of now', () => {
  const clock = new ManualClock()
  const load = new ServerLoad({ clock })
  serve(load, clock, 0, [10, 11, 12, 13, 99])
  serve(load, clock, 8, [50, 60, 70, 80, 90])
  assert.deepEqual([0, 8, 7, 2, 40].map((rif) => latency(load, rif)), [12, 70, 70, 12, undefined])
  clock.advance(6_000 * MILLISECOND)
  assert.equal(latency(load, 0), undefined)
})

test('a request is over once, however it ends', async () => {
  const clock = new ManualClock()
  const load = new ServerLoad({ clock })
  const request = load.begin()
  request.end()
  for (const again of ['end', 'abandon']) request[again]()
  load.begin().abandon()
  assert.deepEqual(load.report(), { rif: 0, latencyMs: 0 })
  // One that nobody has any more has broken off once it is collected.
  load.begin()
  assert.equal(load.report().rif, 1)
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  for (let round = 0; round < 100 && load.report().rif > 0; round++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(load.report().rif, 0)
})

test('by the machine\'s clock it tells milliseconds', () => {
  const load = new ServerLoad()
  load.begin().end()
  const { latencyMs } = load.report()
  assert.ok(latencyMs >= 0 && latencyMs < 60_000)
  assert.throws(() => new ServerLoad({ clock: 7 }), /^TypeError: options.clock must be a ManualClock/)
  assert.throws(() => new Begun(), TypeError)
})

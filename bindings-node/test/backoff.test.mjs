import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { Backoff } from 'tenantry'

// The waits of an independent model, which Rust and Python replay too. Without the file this test fails.
const { waits } = JSON.parse(readFileSync(new URL('../../vectors/backoff.json', import.meta.url), 'utf8'))

const nanoseconds = (ms) => Math.round(ms * 1e6)

/** Text is a number that is too large for a double. */
const whole = (value) => (typeof value === 'string' ? BigInt(value) : value)

test('waits are those of an independent model', () => {
  assert.ok(waits.length >= 66)
  for (const [base, cap, seed, retry, request, bound, wait] of waits) {
    const backoff = new Backoff({ baseMs: base / 1e6, capMs: cap / 1e6, seed: whole(seed) })
    assert.deepEqual([nanoseconds(backoff.boundMs(retry)), nanoseconds(backoff.waitMs(retry, whole(request)))], [bound, wait])
  }
})

test('what is left out is the core\'s default', () => {
  const backoff = new Backoff()
  assert.deepEqual([1, 2, 4, 5, 9].map((retry) => backoff.boundMs(retry)), [25, 50, 200, 250, 250])
  assert.equal(backoff.waitMs(3, 42), new Backoff({ baseMs: 25, capMs: 250, seed: 0n }).waitMs(3, 42n))
  assert.equal(new Backoff({ baseMs: 0, capMs: 0 }).waitMs(9, 9), 0)
})

test('what makes no sense is an error that names it', () => {
  assert.throws(() => new Backoff({ baseMs: -1 }), /^RangeError: baseMs must be milliseconds from 0 on, not -1/)
  assert.throws(() => new Backoff({ capMs: '1s' }), /^TypeError: capMs must be a number/)
  assert.throws(() => new Backoff({ seed: -1n }), /^RangeError: seed must be from 0 to 2\^64 - 1, not -1/)
  assert.throws(() => new Backoff({ seed: 2 ** 53 }), /^RangeError: seed must be a whole number from 0 to 2\^53 - 1, or a bigint/)
  assert.throws(() => new Backoff({ capMs: Infinity }), /^RangeError: capMs must be finite milliseconds from 0 on, not Infinity/)
  assert.throws(() => new Backoff({ baseMs: NaN }), /^RangeError: baseMs must be milliseconds from 0 on, not NaN/)
  assert.throws(() => new Backoff({ base: 25 }), /^TypeError: options\.base is unknown: give baseMs, capMs, seed/)
  assert.throws(() => new Backoff(7), /^TypeError: options must be an object/)
  assert.throws(() => new Backoff().boundMs(0), /^RangeError: retry must be a whole number from 1 to 4294967295, not 0/)
  assert.throws(() => new Backoff().waitMs(0, 1), /^RangeError: retry must be a whole number from 1/)
  assert.throws(() => new Backoff().boundMs(1.5), /^RangeError: retry must be a whole number/)
  assert.throws(() => new Backoff().waitMs(1), /^TypeError: request must be a number or a bigint, not undefined/)
})

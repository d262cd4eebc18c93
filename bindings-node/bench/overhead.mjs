// What the border costs: a decision from JavaScript, less the same decision in Rust, in one process on one balancer.
//
//   node bench/overhead.mjs
//
// All cases take turns in short rounds; each figure is the median over the rounds, and the overhead is the median of the
// differences within a round, so that a machine that changes speed changes both sides.

import { coreOf } from '../lib/balancer.cjs'
import { Balancer } from '../index.mjs'

const ROUNDS = 61
const DECISIONS = 20_000
/** Nanoseconds over the Rust cost that acquire and finish may take. */
const TARGET = 300

const balancer = new Balancer({
  seed: 1,
  pools: { api: { endpoints: ['http://10.0.0.1:80', 'http://10.0.0.2:80', 'http://10.0.0.3:80'], capacity: 1000 } },
  tenants: { acme: {}, spent: { rate: { requests: 1, per: '1d' } } },
})
const { native } = coreOf(balancer)
balancer.tryAcquire('spent').finish()

const acme = balancer.handle('acme')
const options = { pool: 'api', key: 'user-7', cost: 1 }
const measured = { latencyMs: 3, cost: 1 }

const cases = {
  'tryAcquire(tenant) + finish()': repeat(() => balancer.tryAcquire('acme').finish()),
  'tryAcquire(handle) + finish()': repeat(() => balancer.tryAcquire(acme).finish()),
  'tryAcquire(tenant, { pool }) + finish()': repeat(() => balancer.tryAcquire('acme', { pool: 'api' }).finish()),
  'tryAcquire(tenant, { pool, key, cost }) + finish()': repeat(() => balancer.tryAcquire('acme', options).finish()),
  'the same + finish(outcome, { latencyMs, cost })': repeat(() =>
    balancer.tryAcquire('acme', options).finish('success', measured),
  ),
  'rejected: RATE_LIMITED': repeat(() => balancer.tryAcquire('spent')),
  'await acquire(tenant) + finish(), no wait': async () => {
    for (let i = 0; i < DECISIONS; i++) (await balancer.acquire('acme')).finish()
  },
}
const rust = {
  accepted: () => native.measure('acme', undefined, DECISIONS),
  pooled: () => native.measure('acme', 'api', DECISIONS),
  rejected: () => native.measure('spent', undefined, DECISIONS),
}
const rustOf = (name) => (name.startsWith('rejected') ? 'rejected' : name.includes('pool') || name.startsWith('the same') ? 'pooled' : 'accepted')

const times = Object.fromEntries([...Object.keys(cases), ...Object.keys(rust)].map((name) => [name, []]))
for (let round = -5; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(rust)) keep(round, name, run() / DECISIONS)
  for (const [name, run] of Object.entries(cases)) {
    const start = process.hrtime.bigint()
    await run()
    keep(round, name, Number(process.hrtime.bigint() - start) / DECISIONS)
  }
}

console.log(`Node ${process.version}, ${ROUNDS} rounds of ${DECISIONS}; ns per decision, medians`)
let worst = 0
for (const name of Object.keys(cases)) {
  const base = times[rustOf(name)]
  const overhead = median(times[name].map((time, round) => time - base[round]))
  const counted = !name.startsWith('await')
  if (counted) worst = Math.max(worst, overhead)
  const verdict = counted ? (overhead <= TARGET ? 'OK' : 'OVER') : ''
  console.log(`${name.padEnd(52)} ${figure(median(times[name]))}  Rust ${figure(median(base))}  overhead ${figure(overhead)}  ${verdict}`)
}
console.log(`${worst <= TARGET ? 'OK' : 'OVER'}: at most ${worst.toFixed(0)} ns over the Rust cost (target ${TARGET})`)

function keep(round, name, time) {
  if (round >= 0) times[name].push(time)
}

function repeat(decide) {
  return () => {
    for (let i = 0; i < DECISIONS; i++) decide()
  }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

function figure(value) {
  return value.toFixed(0).padStart(5)
}

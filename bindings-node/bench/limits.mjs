// One check of a tenant's rate from JavaScript, beside rate-limiter-flexible (ISC) in memory.
//
//   npm install --no-save --prefix DIR rate-limiter-flexible@11.4.0
//   TENANTRY_PEERS=DIR node bench/limits.mjs [KEYS …]
//
// All cases take turns in short rounds, asking for the same keys, drawn evenly from all of them. No limit is ever reached.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Balancer } from '../index.mjs'

const peers = createRequire(join(process.env.TENANTRY_PEERS ?? '.', 'package.json'))
const { RateLimiterMemory } = peers('rate-limiter-flexible')

const ROUNDS = 31
const CHECKS = 5_000
const PER_SECOND = 10_000_000

const wanted = process.argv.slice(2).map(Number)
console.log(`Node ${process.version}, ${ROUNDS} rounds of ${CHECKS}; ns per check, medians`)
for (const count of wanted.length > 0 ? wanted : [10, 10_000]) await measure(count)
// The peer's timers for each key would keep the process.
process.exit(0)

async function measure(count) {
  const keys = Array.from({ length: count }, (_, number) => `tenant-${String(number).padStart(9, '0')}`)
  const balancer = new Balancer({
    pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 1000 } },
    tenants: Object.fromEntries(keys.map((key) => [key, { rate: { requests: PER_SECOND, per: '1s' } }])),
  })
  const memory = new RateLimiterMemory({ points: PER_SECOND, duration: 1 })
  const check = typeof balancer.check === 'function'
  const own = check ? 'tenantry check' : 'tenantry tryAcquire + finish'
  const one = check ? (key) => balancer.check(key) : (key) => balancer.tryAcquire(key).finish()
  const cases = {
    [own]: (asked) => {
      for (const key of asked) one(key)
    },
    'rate-limiter-flexible, RateLimiterMemory, awaited': async (asked) => {
      for (const key of asked) await memory.consume(key)
    },
  }
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
  for (let round = -5; round < ROUNDS; round++) {
    const asked = Array.from({ length: CHECKS }, () => keys[Math.floor(Math.random() * count)])
    for (const [name, run] of Object.entries(cases)) {
      const start = process.hrtime.bigint()
      const waiting = run(asked)
      if (waiting !== undefined) await waiting
      if (round >= 0) times[name].push(Number(process.hrtime.bigint() - start) / CHECKS)
    }
  }
  console.log(`\n${count} keys`)
  for (const [name, values] of Object.entries(times)) {
    const ratio = median(values.map((value, round) => value / times[own][round]))
    console.log(`${name.padEnd(52)} ${median(values).toFixed(0).padStart(6)} ns ${ratio.toFixed(1).padStart(7)}×`)
  }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { Balancer, ManualClock } from 'tenantry'

// The answers of redis-cell and governor, which Rust and Python replay too. Without the file this test fails.
const { cases } = JSON.parse(readFileSync(new URL('../../vectors/rate-limiters.json', import.meta.url), 'utf8'))

test('there are enough cases to mean something', () => {
  assert.ok(cases.length >= 11)
})

for (const { name, rate, steps } of cases) {
  test(`requests are answered as by ${name}`, () => {
    const clock = new ManualClock()
    const pools = { api: { endpoints: ['http://10.0.0.1:80'] } }
    const lb = new Balancer({ pools, tenants: { acme: { rate } } }, { clock })
    let now = 0
    for (const row of steps) {
      const [at, cost, limited, remaining, resetAfter, retryAfter] = row
      clock.advance((at - now) * 1_000_000)
      now = at
      const answer = lb.tryAcquire('acme', { cost })
      if (answer.ok) answer.finish()
      const [limit] = lb.limitsOf('acme')
      assert.equal(answer.ok, limited === 0, `${row}`)
      if (remaining !== null) assert.equal(limit.remaining, remaining, `${row}`)
      if (resetAfter !== null) assert.equal(limit.fullInMs, resetAfter, `${row}`)
      if (retryAfter !== null) assert.equal(answer.retryAfterMs, retryAfter, `${row}`)
      if (cost > limit.amount) assert.deepEqual([answer.code, answer.retryAfterMs], ['COST_TOO_HIGH', undefined], `${row}`)
    }
  })
}

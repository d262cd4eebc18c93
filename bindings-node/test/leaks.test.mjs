import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { Balancer } from 'tenantry'

const CONFIG = { pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 1 } }, tenants: { acme: {} } }

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

async function collect(until) {
  for (let tries = 0; tries < 200 && !until(); tries++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('with detectLeaks a forgotten lease is told of and cancelled, and a finished one is not', async () => {
  const warnings = []
  const onWarning = (warning) => warnings.push(warning)
  process.on('warning', onWarning)
  const lb = new Balancer(CONFIG, { detectLeaks: true })
  ;(() => lb.tryAcquire('acme').finish())()
  ;(() => void lb.tryAcquire('acme'))()
  assert.equal(lb.tryAcquire('acme').code, 'SATURATED')
  const waiting = lb.acquire('acme')
  await collect(() => warnings.length > 0)
  const lease = await waiting
  lease.finish()
  process.off('warning', onWarning)
  assert.deepEqual(warnings.map((warning) => warning.code), ['TENANTRY_LEAK'])
  assert.match(warnings[0].detail, /leaks\.test\.mjs/)
})

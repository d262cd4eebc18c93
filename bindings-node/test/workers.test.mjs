import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { test } from 'node:test'

const SOURCE = `
  const { parentPort } = require('node:worker_threads')
  const { Balancer } = require('tenantry')
  const lb = new Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 2 } }, tenants: { acme: {} } })
  async function main() {
    await Promise.all(Array.from({ length: 200 }, async () => {
      const lease = await lb.acquire('acme')
      await new Promise((resolve) => setImmediate(resolve))
      lease.finish()
    }))
    parentPort.postMessage(lb.stats().pools[0])
  }
  main()
`

const WAITING = `
  const { parentPort } = require('node:worker_threads')
  const { Balancer, ManualClock } = require('tenantry')
  const clock = new ManualClock()
  const lb = new Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'], capacity: 1 } }, tenants: { acme: {} } }, { clock })
  lb.tryAcquire('acme')
  for (let i = 0; i < 100; i++) lb.acquire('acme')
  parentPort.postMessage('waiting')
`

function start(source) {
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(inModule(source))}`))
}

/** A worker from text, whose \`require\` starts in this package. */
function inModule(source) {
  return `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(import.meta.url)});${source}`
}

test('each worker thread has its balancers', async () => {
  const workers = Array.from({ length: 4 }, () => start(SOURCE))
  const ends = workers.map((worker) => once(worker, 'exit'))
  for (const [pool] of await Promise.all(workers.map((worker) => once(worker, 'message')))) {
    assert.deepEqual([pool.inFlight, pool.waiting, pool.endpoints[0].completed], [0, 0, 200])
  }
  assert.deepEqual(await Promise.all(ends), [[0], [0], [0], [0]])
})

test('a worker that is ended while requests wait takes nobody with it', async () => {
  for (let round = 0; round < 5; round++) {
    const worker = start(WAITING)
    assert.deepEqual(await once(worker, 'message'), ['waiting'])
    await worker.terminate()
  }
})

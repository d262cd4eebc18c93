import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Balancer, checkHealth, HealthCheck, HealthChecks, ManualClock } from 'tenantry'

const ADDRESSES = ['http://10.0.0.1:80', 'http://10.0.0.2:80']

function balancer(probe, clock) {
  const api = { endpoints: ADDRESSES, health: { probe: { custom: 'ping', ...probe } } }
  return new Balancer({ seed: 7, pools: { api }, tenants: { acme: {} } }, { clock })
}

const states = (lb) => lb.poolStats('api').endpoints.map(({ health }) => health)

async function reached(lb, wanted) {
  const patience = Date.now() + 30_000
  while (JSON.stringify(states(lb)) !== JSON.stringify(wanted)) {
    assert.ok(Date.now() < patience, `${states(lb)}, not ${wanted}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

test('what is due is asked, and what fails is left out', () => {
  const clock = new ManualClock()
  const lb = balancer({ timeout: '1500ms', fall: 1, rise: 1 }, clock)
  const checks = lb.healthChecks()
  assert.ok(checks.dueInMs() < 5_500)
  clock.advance(6_000_000_000)
  let check
  while ((check = checks.nextCheck()) !== undefined) {
    assert.deepEqual([check.pool, check.kind, check.subject, check.timeoutMs], ['api', 'custom', 'ping', 1500])
    if (check.address === ADDRESSES[0]) check.failed('LOADING', 'not_serving')
    check.passed()
    check.failed()
  }
  assert.deepEqual(states(lb), ['failing', 'healthy'])
  const event = { event: 'endpoint_failing', pool: 'api', endpoint: ADDRESSES[0], reason: 'not_serving', evidence: 'LOADING', failures: 1 }
  assert.deepEqual(lb.takeEvents(), [event])
  clock.advance(8_000_000_000)
  while ((check = checks.nextCheck()) !== undefined) check.passed()
  assert.deepEqual(states(lb), ['healthy', 'healthy'])
})

test('a check says all that its pool wants asked', () => {
  const clock = new ManualClock()
  const probe = { http: '/healthz?deep=1', method: 'POST', host: 'api.internal', headers: { 'x-check': '1', ['__proto__']: 'kept' }, status: [204, '300-302'], body: 'fine', port: 8081, scheme: 'https', server_name: 'api' }
  const lb = new Balancer({ pools: { api: { endpoints: ADDRESSES, health: { probe } } } }, { clock })
  clock.advance(6_000_000_000)
  const check = lb.healthChecks().nextCheck()
  assert.deepEqual([check.port, check.scheme, check.serverName], [8081, 'https', 'api'])
  const { accepts, ...http } = check.http
  assert.deepEqual(Object.entries(http.headers), [['__proto__', 'kept'], ['x-check', '1']], 'by name')
  assert.deepEqual({ ...http, headers: undefined }, { method: 'POST', path: '/healthz?deep=1', host: 'api.internal', headers: undefined, body: 'fine' })
  check.passed()
  assert.deepEqual([-1, 200, 204, 204.5, 300, 302, 303, 65_740, 70_000, NaN].filter(accepts), [204, 300, 302], 'also when it is over')
  assert.throws(() => accepts('200'), /^TypeError: status must be a number/)
  const other = balancer({}, clock)
  clock.advance(6_000_000_000)
  const custom = other.healthChecks().nextCheck()
  assert.deepEqual([custom.http, custom.port, custom.scheme, custom.serverName], [undefined, undefined, 'as_address', undefined])
})

test('what makes no sense is an error, and leaves the check open', () => {
  const clock = new ManualClock()
  const lb = balancer({ fall: 1 }, clock)
  clock.advance(6_000_000_000)
  const check = lb.healthChecks().nextCheck()
  assert.throws(() => check.failed('', 'late'), /^RangeError: reason must be one of timeout, connect/)
  assert.throws(() => check.failed(7), /^TypeError: evidence must be a string/)
  check.passed()
  assert.throws(() => new HealthCheck(), TypeError)
  assert.throws(() => new HealthChecks(), TypeError)
  assert.equal(new Balancer({ pools: {} }).healthChecks().dueInMs(), undefined)
})

test('a function of one\'s own is called for each, as many at a time as may be', async () => {
  const lb = balancer({ every: '20ms', timeout: '10s', fall: 1, rise: 1 })
  const [stop, ill] = [new AbortController(), new Set([ADDRESSES[0]])]
  let [running, most] = [0, 0]
  const ping = async (check, signal) => {
    assert.ok(signal instanceof AbortSignal)
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    if (ill.has(check.address)) throw new Error('gone')
  }
  const checking = checkHealth(lb, ping, { signal: stop.signal, mostUnderWay: 1 })
  await reached(lb, ['failing', 'healthy'])
  assert.deepEqual(lb.takeEvents().map(({ reason, evidence }) => [reason, evidence]), [['other', 'Error: gone']])
  ill.clear()
  await reached(lb, ['healthy', 'healthy'])
  stop.abort()
  await checking
  assert.equal(most, 1)
})

test('one that takes too long, or throws at once, has failed', async () => {
  const lb = balancer({ every: '20ms', timeout: '30ms', fall: 1 })
  const stop = new AbortController()
  let aborted = 0
  const ping = (check, signal) => {
    if (check.address === ADDRESSES[1]) throw new TypeError('a mistake')
    return new Promise(() => signal.addEventListener('abort', () => aborted++))
  }
  const checking = checkHealth(lb, ping, { signal: stop.signal })
  await reached(lb, ['failing', 'failing'])
  const told = Object.fromEntries(lb.takeEvents().map(({ endpoint, reason }) => [endpoint, reason]))
  assert.deepEqual(told, { [ADDRESSES[0]]: 'timeout', [ADDRESSES[1]]: 'other' })
  assert.ok(aborted > 0)
  stop.abort()
  await checking
  await checkHealth(lb, ping, { signal: AbortSignal.abort() })
  await assert.rejects(checkHealth(lb, 7), /^TypeError: check must be a function/)
  await assert.rejects(checkHealth(lb, ping, { mostUnderWay: 0 }), /^RangeError: mostUnderWay/)
  await assert.rejects(checkHealth(lb, ping, { signal: {} }), /^TypeError: signal must be an AbortSignal/)
})

test('checks do not keep the process alive', () => {
  const source = `
    import { Balancer, checkHealth } from ${JSON.stringify(new URL('../index.mjs', import.meta.url).href)}
    const api = { endpoints: ['a'], health: { probe: { custom: 'ping' } } }
    checkHealth(new Balancer({ pools: { api } }), async () => {})
    console.log('done')
  `
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], { cwd, encoding: 'utf8', timeout: 60_000 })
  assert.deepEqual([status, stdout.trim(), stderr], [0, 'done', ''])
})

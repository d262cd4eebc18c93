import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { Backoff, Balancer, ManualClock, ServerLoad, checkHealth } from 'tenantry'

const ADDRESS = 'http://10.0.0.1:80'
const CONFIG = { pools: { api: { endpoints: [ADDRESS], capacity: 8 } }, tenants: { acme: {} } }

const folder = mkdtempSync(join(tmpdir(), 'tenantry-'))
after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'tenants.json')
writeFileSync(file, JSON.stringify(CONFIG))

const lb = new Balancer(CONFIG, { clock: new ManualClock() })

function withLease(act) {
  const lease = lb.tryAcquire('acme')
  try {
    act(lease)
  } finally {
    lease.finish('cancelled')
  }
}

const REQUEST = ['pool', 'key', 'cost', 'priority', 'seats', 'attempt', 'amounts', 'affinity', 'prefer', 'avoid']
const LIMIT = ['left', 'limit', 'resetMs', 'resetAtMs']

/** Whatever takes an object of settings: how to call it, what errors call the object, the keys that it knows, and its type if that has a name. */
const CALLS = {
  'new Balancer': [(given) => new Balancer(CONFIG, given), 'options', ['clock', 'detectLeaks'], 'BalancerOptions'],
  'Balancer.fromFile': [(given) => Balancer.fromFile(file, given), 'options', ['clock', 'detectLeaks'], 'BalancerOptions'],
  tryAcquire: [(given) => lb.tryAcquire('acme', given).finish(), 'options', REQUEST, 'RequestOptions'],
  acquire: [async (given) => (await lb.acquire('acme', given)).finish(), 'options', [...REQUEST, 'timeoutMs', 'signal'], 'AcquireOptions'],
  check: [(given) => lb.check('acme', given), 'options', ['pool', 'cost', 'amounts'], 'CheckOptions'],
  discovery: [
    (given) => lb.discovery('api', 'test', given).close(),
    'settings',
    ['floorMs', 'ceilingMs', 'jitter', 'firstRetryMs', 'longestRetryMs', 'mayEmpty', 'mostEndpoints'],
    'DiscoverySettings',
  ],
  probes: [(given) => lb.probes(given), 'options', ['signal']],
  overrideHealth: [(given) => lb.overrideHealth('api', ADDRESS, 'healthy', given), 'options', ['durationMs']],
  finish: [
    (given) => withLease((lease) => lease.finish('success', given)),
    'measured',
    ['cost', 'latencyMs', 'retryAfterMs', 'amounts', 'cause'],
    'Measured',
  ],
  reportUpstream: [
    (given) => withLease((lease) => lease.reportUpstream(given)),
    'report',
    ['requests', 'cost', 'retryAfterMs'],
    'UpstreamReport',
  ],
  'requests of reportUpstream': [
    (given) => withLease((lease) => lease.reportUpstream({ requests: { ...given, left: 1000 } })),
    'requests',
    LIMIT,
    'UpstreamLimit',
  ],
  'cost of reportUpstream': [
    (given) => withLease((lease) => lease.reportUpstream({ cost: { ...given, left: 1000 } })),
    'cost',
    LIMIT,
    'UpstreamLimit',
  ],
  checkHealth: [(given) => checkHealth(lb, () => {}, { ...given, signal: AbortSignal.abort() }), 'options', ['signal', 'mostUnderWay']],
  'new Backoff': [(given) => new Backoff(given), 'options', ['baseMs', 'capMs', 'seed']],
  'new ManualClock': [(given) => new ManualClock(given), 'options', ['unixMs']],
  'new ServerLoad': [(given) => new ServerLoad(given), 'options', ['clock']],
}

for (const [called, [call, name, known, type]] of Object.entries(CALLS)) {
  test(`${called} refuses a key that it does not know, and says which it does`, async () => {
    for (const typo of [...known.map((key) => key.slice(1)), 'Signal', '__proto__x', '0', '']) {
      const message = `${name}.${typo} is unknown: give ${known.join(', ')}`
      for (const value of [1, undefined]) await assert.rejects(async () => call({ [typo]: value }), { name: 'TypeError', message })
    }
    assert.equal(lb.poolStats('api').inFlight, 0)
  })

  test(`${called} takes an undefined value as if the key were absent`, async () => {
    await call({})
    await call(Object.fromEntries(known.map((key) => [key, undefined])))
    assert.equal(lb.poolStats('api').inFlight, 0)
  })

  if (type !== undefined) test(`the type of what ${called} takes has the same keys`, () => assert.deepEqual(keysOf(type), known.toSorted()))
}

test('a lease whose end is refused goes on', () => {
  const lease = lb.tryAcquire('acme')
  assert.throws(() => lease.finish('failure', { cause: 'timeout', latencyMS: 3 }), /^TypeError: measured\.latencyMS is unknown/)
  assert.equal(lb.poolStats('api').inFlight, 1)
  lease.finish('failure', { cause: 'timeout', latencyMs: 3 })
  assert.equal(lb.poolStats('api').inFlight, 0)
})

test('what another call knows is unknown all the same', () => {
  assert.throws(() => lb.tryAcquire('acme', { timeoutMs: 5 }), /^TypeError: options\.timeoutMs is unknown/)
  assert.throws(() => lb.check('acme', { seats: 2 }), /^TypeError: options\.seats is unknown/)
  assert.throws(() => lb.discovery('api', 'test', { baseMs: 5 }), /^TypeError: settings\.baseMs is unknown/)
})

test('keys that are inherited are read, and so looked at', () => {
  lb.tryAcquire('acme', Object.create({ pool: 'api' })).finish()
  assert.throws(() => lb.tryAcquire('acme', Object.create({ pol: 'api' })), /^TypeError: options\.pol is unknown/)
})

test('dimensions are named by the configuration, not by a list of keys', () => {
  const counting = new Balancer({ ...CONFIG, dimensions: ['input_units'] })
  counting.tryAcquire('acme', { amounts: { input_units: 1 } }).finish('success', { amounts: { input_units: 2 } })
  assert.equal(counting.tryAcquire('acme', { amounts: { inputUnits: 1 } }).code, 'UNKNOWN_DIMENSION')
})

/** The keys of an interface in the types. */
function keysOf(type) {
  const types = readFileSync(new URL('../index.d.cts', import.meta.url), 'utf8')
  const [, above, body] = new RegExp(`^export interface ${type} (?:extends (\\w+) )?{\n(.*?)^}`, 'ms').exec(types)
  const own = Array.from(body.matchAll(/^ {2}(\w+)\??:/gm), ([, key]) => key)
  return [...(above === undefined ? [] : keysOf(above)), ...own].sort()
}

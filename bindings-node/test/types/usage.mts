// Never run: `tsc` holds that what users write has the types that it should, and that mistakes are errors.

import { Backoff, Begun, checkHealth, Balancer, ConfigError, Discovery, EventCursor, Lease, ManualClock, Rejection, ServerLoad, TenantHandle, VERSION, type Config, type PickContext, type Stats } from 'tenantry'

const config: Config = {
  unknown_tenants: { template: 'free', max: 100 },
  pools: {
    api: {
      endpoints: ['http://10.0.0.1:80', { address: 'http://10.0.0.2:80', weight: 2 }],
      strategy: 'round_robin',
      capacity: { kind: 'gradient', min: 8 },
    },
  },
  tenants: { acme: { weight: 3, rate: ['100/s', { cost: 60000, per: '1m' }], pools: ['api'] } },
  templates: { free: { rate: '10/s' } },
}

const clock = new ManualClock()
clock.advance(1_500_000)
clock.advance(2n)
const balancer: Balancer = new Balancer(config, { clock, detectLeaks: true })
const fromFile: Balancer = Balancer.fromFile(new URL('file:///tenants.toml'))

const answer = balancer.tryAcquire('acme', { pool: 'api', key: 'user-7', cost: 1 })
if (answer.ok) {
  const lease: Lease = answer
  const address: string = lease.address
  lease.report('output_units', 300)
  lease.acquiredAtNs satisfies bigint | undefined
  lease.reportLoad('TEXT cpu_utilization:0.7')
  const token: string | undefined = lease.affinityToken
  const pool: string | undefined = lease.pool
  console.log(token, pool)
  lease.finish('failure', { cost: 3, latencyMs: 2.5, amounts: { output_units: 301 } })
  lease.finish()
  // @ts-expect-error a lease has no code
  lease.code
  // @ts-expect-error no such outcome
  lease.finish('sucess')
  // @ts-expect-error it cannot be moved
  lease.address = address
} else {
  const rejection: Rejection = answer
  const error: Error = rejection
  const wait: number | undefined = rejection.retryAfterMs
  if (rejection.code === 'RATE_LIMITED') console.log(wait, error, rejection.permanent, rejection.limit)
  // @ts-expect-error a rejection has no address
  rejection.address
  // @ts-expect-error no such code
  rejection.code === 'RATE_LIMIT'
}

const checked = balancer.check('acme', { cost: 3 })
if (!checked.ok) checked.code satisfies string
balancer.tryAcquire('acme', { amounts: { input_units: 500 } })
// @ts-expect-error amounts are numbers
balancer.check('acme', { amounts: { input_units: '500' } })
const acme: TenantHandle = balancer.handle('acme')
acme.id satisfies string
balancer.tryAcquire(acme, { pool: 'api' })
balancer.check(acme)
// @ts-expect-error a handle is made of an id
balancer.handle(acme)
// @ts-expect-error it cannot be moved
acme.id = 'other'
// @ts-expect-error a check takes no seats
balancer.check('acme', { seats: 2 })

balancer.setTenant('acme', { rate: { input_units: 5, per: '1s' }, budget: { cost: 5, per: 'month', warn: ['80%'] }, pools: ['api', { pool: 'gpu' }] })
balancer.removeTenant('acme') satisfies boolean
balancer.changeEndpoints('api', { add: ['http://10.0.0.3:80', { address: 'http://10.0.0.4:80', weight: 2 }], drain: ['http://10.0.0.1:80'] })
// @ts-expect-error a list
balancer.changeEndpoints('api', { drain: 'http://10.0.0.1:80' })
balancer.reconfigure({ pools: { api: { endpoints: [], strategy: (candidates, key) => (key === undefined ? null : candidates.length - 1) } } })
balancer.reconfigure({ pools: { api: { endpoints: [], strategy: (_, key) => (typeof key === 'string' ? key.length : key?.byteLength) } } })
// @ts-expect-error it may be bytes
balancer.reconfigure({ pools: { api: { endpoints: [], strategy: (_, key) => key?.charCodeAt(0) } } })
// @ts-expect-error an index
balancer.reconfigure({ pools: { api: { endpoints: [], strategy: (candidates) => candidates[0]?.address } } })
for await (const probe of balancer.probes({ signal: AbortSignal.timeout(1) })) {
  probe.answer(3, probe.timeoutMs)
  // @ts-expect-error it is a number
  probe.answer('3')
}
balancer.tryAcquire('acme', { affinity: 'token', key: Buffer.from('user-7') })
// @ts-expect-error a key is no number
balancer.tryAcquire('acme', { key: 7 })
balancer.acquire('acme', { prefer: 'http://10.0.0.1:80' })
balancer.tryAcquire('acme', { attempt: 'retry', avoid: ['http://10.0.0.1:80'] })
// @ts-expect-error it is a list
balancer.tryAcquire('acme', { avoid: 'http://10.0.0.1:80' })
// @ts-expect-error the key is misspelt
balancer.setTenant('acme', { wieght: 3 })
balancer.restore(balancer.ledger()).leftOut satisfies number
balancer.saveLedger('tenantry.ledger')
balancer.loadLedger(new URL('file:///tenantry.ledger'))?.tenants satisfies number | undefined
// @ts-expect-error a ledger is no text
balancer.restore('tenantry')
new ManualClock({ unixMs: Date.now() })
// @ts-expect-error a date is a number
new ManualClock({ unixMs: new Date() })

async function waiting(signal: AbortSignal): Promise<void> {
  await using lease = await balancer.acquire('acme', { pool: 'api', timeoutMs: 2000, signal })
  lease.address satisfies string
  using other = await balancer.acquire('acme')
  other.ok satisfies true
}

const stats: Stats = balancer.stats()
stats.pools[0]?.endpoints[0]?.latencyMs satisfies number | undefined
stats.pools[0]?.retries.passed satisfies number | undefined
stats.pools[0]?.panic satisfies boolean | undefined
stats.pools[0]?.rejections.SATURATED satisfies number | undefined
stats.pools[0]?.endpoints[0]?.draining satisfies boolean | undefined
stats.tenants[0]?.weight satisfies number | undefined
// @ts-expect-error no such code
stats.pools[0]?.rejections.SATURATION
balancer.eventsSince(new EventCursor())[0]?.event satisfies string | undefined
// @ts-expect-error only a cursor is one
balancer.eventsSince({})
for (const event of balancer.takeEvents()) if (event.event === 'endpoint_failing') event.failures satisfies number
balancer.nowNs() satisfies bigint
balancer.reconfigure(config)
VERSION satisfies string

try {
  new Balancer({})
} catch (error) {
  if (error instanceof ConfigError) error.path satisfies string
}

new Balancer({
  affinity: { keys: ['at least 16 random bytes'] },
  pools: {
    api: {
      endpoints: ['a', { address: 'b', weight: 0, priority: 1, zone: 'x', drain: true, rate: ['100/s', { cost: 6, per: '1m' }] }],
      strategy: { kind: 'ring', min_size: 1024, bounded: '125%' },
      zone: 'x',
      tiers: { overprovisioning: 1.4, panic: 50 },
      fallback: 'spare',
      subset: { size: 1, instance: 0, instances: 2 },
    },
    spare: { endpoints: ['c'], strategy: { kind: 'p2c', choices: 3, load: 'in_flight' }, slow_start: { window: '30s', minimum: 10 } },
  },
})
// @ts-expect-error a bound belongs to strategies by key
new Balancer({ pools: { api: { endpoints: [], strategy: { kind: 'p2c', bounded: 1.25 } } } })
// @ts-expect-error a configuration is needed
new Balancer()
// @ts-expect-error the key is misspelt
new Balancer({ pools: { api: { endpoints: [], capacty: 3 } } })
// @ts-expect-error no such strategy
new Balancer({ pools: { api: { endpoints: [], strategy: 'fastest' } } })
// @ts-expect-error a tenant is text
balancer.tryAcquire(7)
// @ts-expect-error the option is misspelt
balancer.tryAcquire('acme', { pol: 'api' })
balancer.tryAcquire('acme', { attempt: 'hedge' })
// @ts-expect-error no such attempt
balancer.tryAcquire('acme', { attempt: 'second' })
balancer.overrideHealth('api', 'http://10.0.0.1:80', 'disabled', { durationMs: undefined })
// @ts-expect-error only acquire waits
balancer.tryAcquire('acme', { timeoutMs: 5 })
// @ts-expect-error a promise is no lease
balancer.acquire('acme').address
const watched = new Balancer({ pools: { api: { endpoints: [], health: { probe: { http: '/healthz', status: [200, '300-399'], every: '2s' } } } } })
const stopped: Promise<void> = checkHealth(watched, async ({ address, kind }, signal) => void (await fetch(`${address}/${kind}`, { signal })), { mostUnderWay: 9 })
watched.healthChecks().nextCheck()?.failed('no', 'not_serving')
watched.healthChecks().nextCheck()?.http?.accepts(204) satisfies boolean | undefined
balancer.reconfigure({ pools: { api: { endpoints: [], strategy: (candidates, _, pick: PickContext) => pick.turn % candidates.length } } })
const discovery: Discovery = balancer.discovery('api', 'dns api.internal', { floorMs: 1_000, mayEmpty: true })
discovery.found(new Set(['http://10.0.0.3:80']), 30_000)
discovery.found([{ address: 'http://10.0.0.3:80', weight: 2 }], null)
discovery.status()?.lastFailure?.atNs satisfies bigint | undefined
balancer.discoveries()[0]?.failures satisfies number | undefined
// @ts-expect-error for how long it holds must be said
discovery.found([])
// @ts-expect-error the setting is misspelt
balancer.discovery('api', 'file', { floor: 5 })
balancer.ownLimitsOf(acme)?.[0]?.used satisfies number | undefined
balancer.compareEndpoints() satisfies number | undefined
balancer.settlements() satisfies number
new Backoff({ baseMs: 100, seed: 7n }).waitMs(1, 42) + new Backoff().boundMs(3) satisfies number
// @ts-expect-error requests are told apart
new Backoff().waitMs(1)
const load = new ServerLoad({ clock })
const begun: Begun = load.begin()
begun.end()
load.report().latencyMs satisfies number | undefined
// @ts-expect-error only a ServerLoad makes one
new Begun()
balancer.reconfigure({ pools: { api: { endpoints: [], strategy: (candidates, _key, { draw }) => Number(draw % BigInt(candidates.length)) } } })
// @ts-expect-error a check is of some kind
new Balancer({ pools: { api: { endpoints: [], health: { probe: { every: '5s' } } } } })
// @ts-expect-error no such reason
watched.healthChecks().nextCheck()?.failed('no', 'late')
// @ts-expect-error only a balancer makes leases
new Lease()
// @ts-expect-error only a balancer makes rejections
new Rejection()
// @ts-expect-error only a balancer makes handles
new TenantHandle()
// @ts-expect-error a clock is no number
new Balancer(config, { clock: 0 })
// @ts-expect-error time is a number
clock.advance('1s')

export { fromFile, stopped, waiting }

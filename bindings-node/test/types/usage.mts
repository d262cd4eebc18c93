// Never run: `tsc` holds that what users write has the types that it should, and that mistakes are errors.

import { Balancer, ConfigError, Lease, ManualClock, Rejection, VERSION, type Config, type Stats } from 'tenantry'

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
  lease.finish('failure', { cost: 3, latencyMs: 2.5 })
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

async function waiting(signal: AbortSignal): Promise<void> {
  await using lease = await balancer.acquire('acme', { pool: 'api', timeoutMs: 2000, signal })
  lease.address satisfies string
  using other = await balancer.acquire('acme')
  other.ok satisfies true
}

const stats: Stats = balancer.stats()
stats.pools[0]?.endpoints[0]?.latencyMs satisfies number | undefined
balancer.nowNs() satisfies bigint
balancer.reconfigure(config)
VERSION satisfies string

try {
  new Balancer({})
} catch (error) {
  if (error instanceof ConfigError) error.path satisfies string
}

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
// @ts-expect-error only acquire waits
balancer.tryAcquire('acme', { timeoutMs: 5 })
// @ts-expect-error a promise is no lease
balancer.acquire('acme').address
// @ts-expect-error only a balancer makes leases
new Lease()
// @ts-expect-error only a balancer makes rejections
new Rejection()
// @ts-expect-error a clock is no number
new Balancer(config, { clock: 0 })
// @ts-expect-error time is a number
clock.advance('1s')

export { fromFile, waiting }

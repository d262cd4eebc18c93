/** How a request ended. `cancelled` frees what was held and teaches nothing. */
export type Outcome = 'success' | 'failure' | 'overload' | 'cancelled'

/** Why a request may not run now. A later version may add codes. */
export type RejectionCode =
  | 'UNKNOWN_TENANT'
  | 'UNKNOWN_POOL'
  | 'POOL_FORBIDDEN'
  | 'RATE_LIMITED'
  | 'BUDGET_EXHAUSTED'
  | 'UNKNOWN_DIMENSION'
  | 'COST_TOO_HIGH'
  | 'TOO_MANY_IN_FLIGHT'
  | 'SATURATED'
  | 'QUEUE_FULL'
  | 'TIMED_OUT'
  | 'WOULD_TIME_OUT'
  | 'NO_ENDPOINT'

/** A time as text: a whole number and a unit (ns, us, ms, s, m, h, d). */
export type Period = string

/** The configuration document: the same keys as in TOML, YAML, JSON and Python. An unknown key is an error. */
export interface Config {
  /** What happens to tenants that are not named: refused (the default), or made from a template. */
  unknown_tenants?: 'reject' | { template: string; max?: number; idle?: string }
  /** The seed of every random choice. Default: drawn from the system. */
  seed?: number
  pools?: Record<string, PoolConfig>
  tenants?: Record<string, TenantConfig>
  templates?: Record<string, TenantConfig>
  /** Read by the gateway only. */
  gateway?: Record<string, unknown>
}

/** How a pool's seats are set; every setting has a default. */
export type Capacity =
  | { kind: 'fixed'; seats: number }
  | ({ kind: 'adaptive' } & Bounds)
  | ({ kind: 'aimd'; backoff?: number; timeout?: Period } & Bounds)
  | ({
      kind: 'gradient'
      buffer?: number
      percentile?: number
      window?: Period
      min_rtt_interval?: Period
      min_rtt_requests?: number
      jitter?: number
    } & Bounds)
  | ({ kind: 'gradient2'; tolerance?: number; smoothing?: number; queue?: number; long_window?: number } & Bounds)
  | ({ kind: 'vegas'; alpha?: number; beta?: number; probe?: number; smoothing?: number } & Bounds)

/** Between which seats a rule moves, and with how many it begins. */
export interface Bounds {
  min?: number
  max?: number
  initial?: number
}

export interface PoolConfig {
  /** `max_in_flight`: never more than so many requests at a time there. */
  endpoints: (string | { address: string; weight?: number; max_in_flight?: number })[]
  /** Default `p2c`. */
  strategy?: 'p2c' | 'round_robin' | { kind: 'p2c' | 'round_robin' }
  /** How many requests may be in flight. Default `adaptive`. */
  capacity?: 'adaptive' | number | Capacity
  queue?: {
    timeout?: Period
    per_tenant?: number
    total?: number
    order?: 'fifo' | 'adaptive_lifo'
    aging?: Period
    codel?: { target?: Period; interval?: Period }
  }
  health?: {
    outlier?: { consecutive_failures?: number; ejection?: Period; longest_ejection?: Period; max_ejected?: number }
  }
}

export interface TenantConfig {
  /** Its share where tenants compete. Default 1. */
  weight?: number
  /** The tenant that it is part of: they share that one's share. */
  parent?: string
  /** Of each pool's seats: a number, or a percentage such as `'20%'`. */
  seats?: { guaranteed?: number | string; lendable?: number | string; max?: number | string }
  /** Such as `'100/s'`. */
  rate?: RateConfig | RateConfig[]
  max_in_flight?: number
  /** The pools it may use. Default all. */
  pools?: string[]
}

export type RateConfig =
  | string
  | { requests: number; per: Period; burst?: number }
  | { cost: number; per: Period; burst?: number }

export interface BalancerOptions {
  /** A clock that moves by hand, for tests. */
  clock?: ManualClock | undefined
  /**
   * Warns of leases that were never finished, with the stack of where they were acquired, and cancels them once they are collected. Costs
   * microseconds per lease: for development. Default false; then such a lease holds its seat for good.
   */
  detectLeaks?: boolean | undefined
}

export interface RequestOptions {
  /** The pool that shall serve it. May be left out where there is one pool. */
  pool?: string | undefined
  /** What hash strategies keep together. */
  key?: string | undefined
  /** What it is expected to cost, in the unit of the tenant's cost quotas. Default 1. */
  cost?: number | undefined
  /** How urgent it is among its own tenant's requests: 0 (most) to 7 (least), as in RFC 9218. Default 3. */
  priority?: number | undefined
  /** How many seats it takes while it runs. Default 1. */
  seats?: number | undefined
}

export interface AcquireOptions extends RequestOptions {
  /** How long it may wait. Default: the pool's queue timeout, 10 s unless configured. */
  timeoutMs?: number | undefined
  /** Gives up waiting; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

export interface Measured {
  /** What the request really cost. More than was reserved becomes debt. */
  cost?: number | undefined
  /** The latency to learn from, where it is not the time from acquire to finish. */
  latencyMs?: number | undefined
  /** The endpoint's own word on when to come back; counts for `overload`. */
  retryAfterMs?: number | undefined
}

/** A multi-tenant load balancer: decides whether a request may run now, and where. */
export class Balancer {
  /** @throws {ConfigError} when the configuration cannot be used */
  constructor(config: Config, options?: BalancerOptions)

  /**
   * A balancer from a file that ends in .json, .toml, .yaml or .yml.
   * @throws {ConfigError} when the configuration cannot be used
   */
  static fromFile(path: string | URL, options?: BalancerOptions): Balancer

  /** Decides now: a Lease, or a Rejection; told apart by `ok`. It never throws for a rejection. */
  tryAcquire(tenant: string, options?: RequestOptions): Lease | Rejection

  /** Waits for a seat when there is none. The promise rejects with the Rejection, or with the signal's reason. */
  acquire(tenant: string, options?: AcquireOptions): Promise<Lease>

  /**
   * Puts another configuration in force, at once and as a whole. Leases that are out stay valid.
   * @throws {ConfigError} when the configuration cannot be used; then nothing has changed
   */
  reconfigure(config: Config): void

  /** What is true now. */
  stats(): Stats

  /** What is true now of one tenant, whether it is among the most active or not; `undefined` where nobody has this id. */
  tenantStats(tenant: string): TenantStats | undefined

  /** What is left of a tenant's rates and budgets, and then of its parents'; `undefined` where nobody has this id. */
  limitsOf(tenant: string): LimitStatus[] | undefined

  /** What has happened since this was last asked, the oldest first. At most 1024 events are kept for whoever asks next. */
  takeEvents(): BalancerEvent[]

  /** What is true now of one pool; `undefined` where there is none of this name. */
  poolStats(pool: string): PoolStats | undefined

  /**
   * Some of all tenants, at most `most` (1 to 10 000, by default 1000), in no particular order. `start` is 0 for the first page, then the `next` of the
   * page before. Whoever is there all the time is on exactly one page.
   */
  tenantPage(start?: number, most?: number): TenantPage

  /** The moment on the balancer's clock, in nanoseconds. */
  nowNs(): bigint
}

/** A seat and the picked endpoint, until it is finished or disposed of. */
export class Lease implements Disposable, AsyncDisposable {
  private constructor()

  /** Tells it from a Rejection. */
  readonly ok: true

  /** Where the request is to go, as the configuration writes it. */
  readonly address: string

  /**
   * Says that the answer begins: the time to its first byte is learnt as the latency, and a success teaches no second one. The seat
   * stays taken. For streams, whose duration says nothing about how busy the endpoint is. A second call does nothing.
   */
  firstByte(): void

  /** Ends it with what happened: `success` unless told otherwise. A second call does nothing. */
  finish(outcome?: Outcome, measured?: Measured): void

  /** Ends it as `cancelled`, unless it was finished: a block that ends cannot tell whether the request went well. */
  [Symbol.dispose](): void

  /** As `Symbol.dispose`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Why a request may not run now, and when to come back. An Error without a captured stack: an answer, and no fault. */
export class Rejection extends Error {
  private constructor()

  /** Tells it from a Lease. */
  readonly ok: false

  readonly code: RejectionCode

  /**
   * When the same request passes, if nothing else happens, exact to the nanosecond; round up for a timer. For `WOULD_TIME_OUT` an
   * estimate.
   */
  readonly retryAfterMs: number | undefined

  /** Whether trying again is useless until the configuration changes. */
  readonly permanent: boolean

  /** The limit that was met, for `COST_TOO_HIGH` and `TOO_MANY_IN_FLIGHT`. */
  readonly limit: number | undefined
}

/** Why a configuration was refused. */
export class ConfigError extends Error {
  private constructor()

  readonly code: 'CONFIG'

  /** Where: the keys from the root, as in `pools.api.endpoints[0].weight`; `.` is the whole document. */
  readonly path: string

  /** The value that stands there, as JSON writes it; empty where there is none. */
  readonly value: string

  /** What would be right. */
  readonly fix: string
}

/** A clock that moves only when told to: for tests. It starts at 0. */
export class ManualClock {
  constructor()

  /** Moves time on by nanoseconds. Waiters whose deadline has come are rejected. */
  advance(ns: number | bigint): void

  /** Nanoseconds since it was made. */
  now(): bigint
}

/** A reading of everything, of bounded size. */
export interface Stats {
  /** The most active tenants, at most 100, the most active first. */
  tenants: TenantStats[]
  /** All others together. */
  other: TenantStats
  /** By name. */
  pools: PoolStats[]
}

export interface TenantPage {
  /** There may be fewer than asked for, also none, with more to come. */
  tenants: TenantStats[]
  /** Where the next page starts; `undefined` when this was the last. */
  next: number | undefined
}

export interface TenantStats {
  id: string
  inFlight: number
  waiting: number
  /** Requests of tenants beneath it, with a seat or waiting, where it limits them; 0 where it has no limits. */
  beneath: number
  completed: number
  rejected: number
  /** Requests that limits in shadow mode would have refused; they passed, as far as these limits go. */
  shadowRejected: number
}

/** One rate or budget of a tenant or of a parent above it, and what is left of it now. */
export interface LimitStatus {
  /** The parent whose limit it is; `undefined` for the tenant's own. */
  parent: string | undefined
  /** What it counts: `requests`, `cost`, or a dimension's name. */
  unit: string
  /** Whether it is a budget; else it is a rate. */
  budget: boolean
  /** Whether it is in shadow mode, and refuses nobody. */
  shadow: boolean
  /** The most units that can pass at once: a rate's burst, a budget's amount with what was carried over. */
  amount: number
  /** The units that are used now, reservations included; more than the amount where something is owed. */
  used: number
  /** The units that would pass now. */
  remaining: number
  /** From empty to full again; of a budget, the length of the window that it is in. */
  windowMs: number
  /** Until one unit more would pass; `undefined` where the limit is full. */
  nextInMs: number | undefined
  /** Until the limit is full again, if nothing else happens. */
  fullInMs: number
}

export type BalancerEvent =
  | {
      event: 'budget_warning'
      tenant: string
      unit: string
      /** The mark that was passed, in percent of the budget. */
      percent: number
      used: number
      amount: number
      /** When the window ends, in seconds since 1970; `undefined` where it rolls. */
      endsUnixS: number | undefined
    }
  | {
      /** So many older events were dropped, because nobody took them. */
      event: 'lost'
      count: number
    }

export interface PoolStats {
  name: string
  /** Its seats now. */
  capacity: number
  inFlight: number
  waiting: number
  endpoints: EndpointStats[]
}

export interface EndpointStats {
  address: string
  inFlight: number
  completed: number
  failed: number
  /** Recent peak latency, decayed; undefined before the first sample. */
  latencyMs: number | undefined
  ejected: boolean
}

/** This package's version. */
export const VERSION: string

// Of objects that a caller gives (options, settings, what was measured, reports) every key is looked at: one that is not listed here is a TypeError, and
// one whose value is `undefined` counts as left out.

/** How a request ended. `cancelled` frees what was held and teaches nothing. */
export type Outcome = 'success' | 'failure' | 'overload' | 'cancelled'

/** Why a request may not run now. A later version may add codes. */
export type RejectionCode =
  | 'UNKNOWN_TENANT'
  | 'UNKNOWN_POOL'
  | 'POOL_FORBIDDEN'
  | 'RATE_LIMITED'
  | 'UPSTREAM_LIMITED'
  | 'BUDGET_EXHAUSTED'
  | 'RETRY_BUDGET_EXHAUSTED'
  | 'HEDGE_BUDGET_EXHAUSTED'
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
  /** What session tokens are signed with, the newest first, at least 16 bytes each. Default: drawn at the start. */
  affinity?: { keys: string[] }
  /** What rates and budgets may count beside requests and cost; at most 8. */
  dimensions?: string[]
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

/** By answers to probes, which somebody must carry: `Balancer.probes`. Without answers it is `p2c`. */
export interface Prequal {
  kind: 'prequal'
  probe?: string
  timeout?: Period
  probes_per_request?: number
  pool?: number
  max_age?: Period
  quantile?: number
  remove_per_request?: number
}

/** What makes an endpoint the better one: peak latency × in-flight (the default), in-flight alone, or the load that answers report. */
export type LoadKind = 'peak_ewma' | 'in_flight' | 'reported'

/** Bounded load: nobody has more than so many times its share in flight. From 1 to 10, or a percentage such as `'125%'`. */
export interface Bounded {
  bounded?: number | string
}

/** Which endpoint serves. `ketama`, `ring`, `maglev` and `rendezvous` go by the request's `key`. */
export type Strategy =
  | 'p2c'
  | 'least_loaded'
  | 'round_robin'
  | 'random'
  | 'weighted'
  | 'prequal'
  | 'ketama'
  | 'ring'
  | 'maglev'
  | 'rendezvous'
  | { kind: 'p2c'; choices?: number; load?: LoadKind }
  | { kind: 'least_loaded'; load?: LoadKind }
  | { kind: 'round_robin'; phase?: 'first' | 'random' }
  | { kind: 'random' }
  | { kind: 'weighted'; blackout?: Period; expiry?: Period; update?: Period; error_penalty?: number }
  | Prequal
  | ({ kind: 'ketama' } & Bounded)
  | ({ kind: 'ring'; min_size?: number; max_size?: number } & Bounded)
  | ({ kind: 'maglev'; size?: number } & Bounded)
  | ({ kind: 'rendezvous' } & Bounded)
  | OwnStrategy

/**
 * A strategy of one's own: the index of the candidate that serves the request with this `key`, a string or bytes as it was given. It is called at once, inside `tryAcquire` and `acquire`,
 * or, for a request that has waited, when its seat has come; it may ask the balancer again. Where it returns nothing, an index that there is not or a
 * candidate that is not usable, or throws (a `TENANTRY_STRATEGY` warning tells), `p2c` serves the request. In `reconfigure` it has to be given again.
 */
export type OwnStrategy = (candidates: Candidate[], key: string | Uint8Array | undefined, pick: PickContext) => number | null | undefined

/** What distinguishes one pick from the next. */
export interface PickContext {
  /** Numbers the requests of the pool, roughly in order; wraps at 2^32. */
  turn: number
  /** 64 random bits, from the balancer's seed: a strategy that draws no others can be replayed. */
  draw: bigint
  /** Whether the request has waited for its seat: the pool is saturated. */
  waited: boolean
}

/** One endpoint of a pool, as it is at the moment. */
export interface Candidate {
  address: string
  weight: number
  inFlight: number
  /** Recent peak latency; left out before the first answer. */
  latencyMs?: number
  /** What it has reported within the last 180 s. */
  utilization?: number
  /** Whether it may be picked. */
  usable: boolean
}

export interface EndpointConfig {
  address: string
  /** Default 1; 0: nothing but sessions and what names it. */
  weight?: number
  /** Never more than so many requests at a time there. */
  max_in_flight?: number
  /** Its level, 0 (the default) being the first: levels after it serve as far as those before cannot. */
  priority?: number
  zone?: string
  /** Whose account it is called with: a name, not the secret. Endpoints of one account can cool down together. */
  credential?: string
  /** What is behind it: a name. */
  model?: string
  /** Nothing new goes there. Default false. */
  drain?: boolean
  /** What the endpoint itself allows. */
  rate?: RateConfig | RateConfig[]
}

export interface PoolConfig {
  endpoints: (string | EndpointConfig)[]
  /** Default `p2c`. */
  strategy?: Strategy
  /** Endpoints there go first. */
  zone?: string
  /** When a level of priority spills over (default 1.4), and under how many per cent healthy health is ignored (default 50). */
  tiers?: { overprovisioning?: number; panic?: number }
  /** How long a new or returned endpoint takes to get its whole share. Default: none. */
  slow_start?: Period | { window: Period; aggression?: number; minimum?: number }
  /** The pool that serves where this one cannot. */
  fallback?: string
  /** Which endpoints this instance of an application uses. Default: all. */
  subset?: { size: number; instance: number; instances: number }
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
  /** How many retries each tenant may make here: 20 % of its requests of the last 10 s, and 10 per second, unless configured. */
  retry?: AttemptsConfig
  /** The same for hedges: 5 %, and 1 per second. */
  hedge?: AttemptsConfig
  /** The tenant whose it is: nobody else may use it without a grant, and then within the owner's limits, too. */
  owner?: string
  health?: {
    /** What endpoints are asked to see whether they serve: a path for `GET`, or in full. Default: nothing. Somebody must ask: `checkHealth`, `Balancer.healthChecks`. */
    probe?: string | HealthCheckConfig
    outlier?: OutlierConfig
    /**
     * For how long at most an endpoint is left alone that answers overload and says when to come back (default 5 minutes), `'off'`, or in full: who cools down
     * together, and whether nobody is asked before the time that it named.
     */
    cooldown?: Period | 'off' | { scope?: 'endpoint' | 'credential' | 'model'; longest?: Period; strict?: boolean }
  }
}

/** Health checks: one of `http`, `tcp`, `tls`, `grpc` and `custom`, and how often. */
export type HealthCheckConfig = {
  /** How often each endpoint is asked (default 5 s), how often while the last answer contradicts what is held of it (a fifth, at least 1 s), while it fails, and while it is healthy and nothing goes there. */
  every?: Period
  every_in_doubt?: Period
  every_unhealthy?: Period
  every_idle?: Period
  /** By what share of themselves intervals vary. Default 0.1. */
  jitter?: number
  /** When a check without an answer has failed. Default 2 s. */
  timeout?: Period
  /** Successes in a row that bring an endpoint back (default 2), failures in a row that leave it out (default 3). */
  rise?: number
  fall?: number
  /** What is held of a newcomer: it serves at once (the default), after one success, or after as many as one that has failed. */
  initial?: 'healthy' | 'one_success' | 'unhealthy'
  /** Another port than the address's. */
  port?: number
  server_name?: string
} & (
  | {
      /** The path. */
      http: string
      method?: string
      host?: string
      headers?: Record<string, string>
      /** Good statuses, such as `200` and `'200-399'`. Default 200 to 299. */
      status?: number | string | (number | string)[]
      /** Text that the body must have. */
      body?: string
      scheme?: 'as_address' | 'http' | 'https'
    }
  | { tcp: true }
  | { tls: true }
  | { /** The service; empty: the server as a whole. */ grpc: string; scheme?: 'as_address' | 'http' | 'https' }
  | { /** What whoever asks knows it by. */ custom: string }
)

/** When an endpoint is left out for a while because of what requests have shown. */
export interface OutlierConfig {
  /** Failures in a row that eject. Default 5. */
  consecutive_failures?: number
  /** The same of those whose `cause` says that the endpoint itself did not answer. Default: they are not counted apart. */
  consecutive_gateway_failures?: number
  /** How often endpoints are compared; for each such time in peace one ejection is forgotten. Default 10 s. */
  interval?: Period
  /** Less than the mean of all less `factor` deviations is too little: 1.9, with 5 endpoints of 100 requests. */
  success_rate?: 'off' | (Comparison & { factor?: number })
  /** So many percent are too many: 30, with 2 endpoints of 50 requests. */
  failure_percentage?: 'off' | number | (Comparison & { threshold?: number })
  /** So many times the median of its tier is slow, and then it serves only where the others do not suffice: 5, and nothing below 10 ms; with 3 endpoints of 20 requests. */
  latency?: 'off' | (Comparison & { factor?: number; floor?: Period })
  /** The first ejection's time; the n-th takes n times as long, up to `longest_ejection`. Defaults 30 s and 300 s. */
  ejection?: Period
  longest_ejection?: Period
  /** In percent, but at least one; 0 turns all of this off. Default 10. */
  max_ejected?: number
  /** So many endpoints are left in any case. Default 1. */
  min_available?: number
  /** Only events and statistics tell what is found. */
  shadow?: boolean
}

export interface Comparison {
  min_endpoints?: number
  min_requests?: number
  shadow?: boolean
}

export interface AttemptsConfig {
  /** A number such as 0.2, or a percentage such as `'20%'`; at most six digits after the point. */
  ratio?: number | string
  /** In any case; the window's worth of it may be used at once. */
  per_second?: number
  /** From 1 s to 60 s. */
  window?: Period
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
  budget?: BudgetConfig | BudgetConfig[]
  max_in_flight?: number | { limit: number; shadow?: boolean }
  /** The pools it may use, for good or for a time. Default: all that nobody owns, and its own. */
  pools?: (string | Grant)[]
  /** How many endpoints of each pool it may use. Default all. */
  shard?: number
}

/** Leave to use a pool for a time: moments such as `'2026-12-01T00:00:00Z'`. */
export interface Grant {
  pool: string
  from?: string
  until?: string
}

/** `'100/s'`, or so many `requests`, so much `cost`, or so many units of one of the `dimensions`, per period. */
export type RateConfig = string | RateTable

export interface RateTable {
  per: Period
  /** Default: one period's worth. */
  burst?: number
  window?: 'sliding'
  /** Counted, not enforced. */
  shadow?: boolean
  [unit: string]: number | string | boolean | undefined
}

/** So many `requests`, so much `cost`, or so many units of one of the `dimensions`, per calendar window or rolling. */
export interface BudgetConfig {
  /** `minute`, `hour`, `day`, `week`, `month` or `year`; or a time such as `'30d'` for one that rolls. */
  per: string
  time_zone?: string
  anchor_day?: number
  /** Shares such as `'80%'`, each an event once per window. */
  warn?: string[]
  /** A share of what is left, such as `'50%'`. */
  carry_over?: string
  soft?: { at: string; slow_to: string }
  /** Counted, not enforced. */
  shadow?: boolean
  [unit: string]: number | string | boolean | string[] | { at: string; slow_to: string } | undefined
}

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
  /** What hash strategies keep together: text, which counts as its UTF-8, or bytes. */
  key?: string | Uint8Array | undefined
  /** What it is expected to cost, in the unit of the tenant's cost quotas. Default 1. */
  cost?: number | undefined
  /** How urgent it is among its own tenant's requests: 0 (most) to 7 (least), as in RFC 9218. Default 3. */
  priority?: number | undefined
  /** How many seats it takes while it runs. Default 1. */
  seats?: number | undefined
  /** What it will use of the configuration's `dimensions`, as far as that is known; `Lease.report` corrects it. */
  amounts?: Record<string, number> | undefined
  /** Whether it is another attempt at work that has been tried before: then the tenant's budget in this pool must have room. Default `first`. */
  attempt?: Attempt | undefined
  /** An earlier lease's `affinityToken`: the request returns to that endpoint if it serves and has room. Anything else counts as none. */
  affinity?: string | undefined
  /** The same with an address, for callers who trust where it came from. Not beside `affinity`. */
  prefer?: string | undefined
  /**
   * Addresses where earlier attempts at the same work went: it goes there only if no other endpoint is usable, and as a `'hedge'` never
   * (`NO_ENDPOINT`). It counts before a session and before the key.
   */
  avoid?: readonly string[] | undefined
}

export interface CheckOptions {
  /** Counts only as one that the tenant may use or not. May be left out, also where there are several. */
  pool?: string | undefined
  /** What it costs, in the unit of the tenant's cost quotas. Default 1. */
  cost?: number | undefined
  /** What it uses of the configuration's `dimensions`. */
  amounts?: Record<string, number> | undefined
}

/** What `check` returns for what passes. */
export interface Passed {
  readonly ok: true
}

export type Attempt = 'first' | 'retry' | 'hedge'

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
  /** A last `report` of each. */
  amounts?: Record<string, number> | undefined
  /** Who failed; counts for `failure`. All but `application`, the default, are gateway failures. */
  cause?: FailureCause | undefined
}

/** An error of the endpoint's own, one that a gateway answered for it (502, 504), no connection or a broken one, no answer in time. */
export type FailureCause = 'application' | 'gateway' | 'connection' | 'timeout'

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
  tryAcquire(tenant: string | TenantHandle, options?: RequestOptions): Lease | Rejection

  /** Waits for a seat when there is none. The promise rejects with the Rejection, or with the signal's reason. */
  acquire(tenant: string | TenantHandle, options?: AcquireOptions): Promise<Lease>

  /**
   * The limits alone: whether the tenant may ask for this now, without a seat and without an endpoint. What passes has used what it declares,
   * as if it were over at once. It never throws for a rejection.
   */
  check(tenant: string | TenantHandle, options?: CheckOptions): Passed | Rejection

  /**
   * A tenant's id, hashed once, to be given where a tenant's id is. It stays right whatever happens to the tenant, which need not be there; with another
   * balancer it is as good as the id. Worth keeping where one tenant asks often. It need not be closed: what it holds is freed once it is collected.
   */
  handle(tenant: string): TenantHandle

  /**
   * Puts another configuration in force, at once and as a whole. Leases that are out stay valid.
   * @throws {ConfigError} when the configuration cannot be used; then nothing has changed
   */
  reconfigure(config: Config): void

  /**
   * Adds a tenant, or puts other terms to one, while all others' requests go on. What it has used stays used. The next `reconfigure`
   * knows nothing of it. Shares of the seats, and moving a tenant that has others beneath it, take a whole configuration.
   * @throws {ConfigError} when the terms cannot be used; then nothing has changed
   */
  setTenant(tenant: string | TenantHandle, spec: TenantConfig): void

  /**
   * Takes a configured tenant out; says whether there was one. Requests of it that are inside end as usual.
   * @throws {ConfigError} when others are beneath it, when it owns a pool, or when it has a share of the seats; then nothing has changed
   */
  removeTenant(tenant: string | TenantHandle): boolean

  /**
   * Adds, removes, reweighs and drains endpoints of one pool in one step: no request sees half of it. Endpoints that stay keep their load, health
   * and requests in flight. The next `reconfigure` knows nothing of it.
   * @throws {ConfigError} when a pool or an address is not there, or the endpoints could not be configured so; then nothing has changed
   */
  changeEndpoints(pool: string, changes: EndpointChanges): void

  /**
   * Keeps a pool's endpoints as the application finds them: in DNS, in a file, anywhere. `source` is what statuses and events call it. Endpoints that the
   * configuration names stay beside those that are found. Several discoveries may share a pool.
   * @throws {ConfigError} when there is no such pool, or a setting is out of its bounds
   */
  discovery(pool: string, source: string, settings?: DiscoverySettings): Discovery

  /** How this balancer's discoveries are doing, by pool. */
  discoveries(): DiscoveryStatus[]

  /** The health checks that pools want done (`health: { probe: … }`). Each is handed out once, whoever asks. `checkHealth` does them. */
  healthChecks(): HealthChecks

  /**
   * The probes that pools with the strategy `prequal` want carried. All that are made of one balancer hand out the same. `signal` ends the loops over
   * them, and nothing else does; they keep neither the balancer nor the process alive.
   */
  probes(options?: { signal?: AbortSignal | undefined }): Probes

  /**
   * Decides on an endpoint, whatever its own health is: for so long, or until it is taken back. Stays through every update that keeps the endpoint.
   * Nothing goes to one that is `disabled`, neither of sessions nor in a panic; `ejected` counts as ejected; `healthy` serves though its checks fail, or it was
   * ejected. What is in flight ends in peace.
   * @throws {ConfigError} when there is no such pool or endpoint
   */
  overrideHealth(pool: string, address: string, health: 'disabled' | 'ejected' | 'healthy', options?: { durationMs?: number | undefined }): void

  /**
   * Takes such a decision back. No error where there was none.
   * @throws {ConfigError} when there is no such pool or endpoint
   */
  clearHealthOverride(pool: string, address: string): void

  /**
   * Compares the endpoints of each pool with one another, where that is due: the milliseconds until it is due next; `undefined` where nothing is compared. Whoever
   * finishes a request does it otherwise, some endpoints at a time, so nobody has to call this; a timer of one's own may, to keep it off requests.
   */
  compareEndpoints(): number | undefined

  /**
   * How many requests have been charged for good since a ledger was first asked for: leases that ended, and checks that passed. A ledger lacks at most those that
   * were settled after it was asked for: read this before, and save again when it has grown by as many as a crash may cost. Exact to 2^53.
   */
  settlements(): number

  /** What tenants have used of their rates and budgets now, to be restored after a restart. Requests in flight are in it as they were declared. A `Buffer`. */
  ledger(): Uint8Array

  /**
   * Puts back what a ledger says, under the limits that are in force now; buckets have refilled and windows have passed in between as
   * the calendar says. Call it before the first request. Restoring twice restores nothing twice.
   * @throws {LedgerError} for bytes that are torn, damaged, or of another version; then nothing is restored
   */
  restore(ledger: Uint8Array): Restored

  /**
   * Keeps the ledger in a file: a new one is written, synced to the disk and renamed into place, and the one before stays as
   * `….previous`. After a crash at any moment one of the two is whole. What is settled after the last save is what a crash loses. Each
   * process and each worker needs a file of its own. It blocks while the disk does.
   */
  saveLedger(path: string | URL): void

  /**
   * Restores what `saveLedger` has kept, or the one before where that is torn or damaged; `undefined` where there is no file.
   * @throws {LedgerError} where there are some and none is whole
   */
  loadLedger(path: string | URL): Restored | undefined

  /** What is true now. */
  stats(): Stats

  /** What is true now of one tenant, whether it is among the most active or not; `undefined` where nobody has this id. */
  tenantStats(tenant: string | TenantHandle): TenantStats | undefined

  /** What is left of a tenant's rates and budgets, and then of its parents'; `undefined` where nobody has this id. */
  limitsOf(tenant: string | TenantHandle): LimitStatus[] | undefined

  /** The same of the tenant's own, without its parents'. */
  ownLimitsOf(tenant: string | TenantHandle): LimitStatus[] | undefined

  /** What has happened since this was last asked, the oldest first. At most 1024 events are kept for whoever asks next. */
  takeEvents(): BalancerEvent[]

  /** What has happened since this cursor was used last, the oldest first: for readers beside whoever takes them. Of the last 1024 events, as there. */
  eventsSince(cursor: EventCursor): BalancerEvent[]

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

/** How far somebody has read a balancer's events: each reader has one of its own. A new one begins with the oldest event that is kept. */
export class EventCursor {
  /** Only `Balancer.eventsSince` moves it. */
  #private
}

/** A tenant's id that one balancer has hashed; what `Balancer.handle` returns. It does not keep its balancer alive. */
export class TenantHandle {
  private constructor()

  readonly id: string
}

/** A seat and the picked endpoint, until it is finished or disposed of. */
export class Lease implements Disposable, AsyncDisposable {
  private constructor()

  /** Tells it from a Rejection. */
  readonly ok: true

  /** Where the request is to go, as the configuration writes it. */
  readonly address: string

  /**
   * Made when asked for: given as `affinity`, a later request of this tenant returns to this endpoint. It names the endpoint without giving its
   * address away, and cannot be forged. `undefined` once the lease has ended or its pool is removed.
   */
  readonly affinityToken: string | undefined

  /** The pool that serves it: a fallback where the one asked for could not. `undefined` once it has ended or its pool is removed. */
  readonly pool: string | undefined

  /** When the endpoint was picked, in nanoseconds on the balancer's clock: `Balancer.nowNs`. Made when asked for; `undefined` once the lease has ended. */
  readonly acquiredAtNs: bigint | undefined

  /**
   * Says that the answer begins: the time to its first byte is learnt as the latency, and a success teaches no second one. The seat
   * stays taken. For streams, whose duration says nothing about how busy the endpoint is. A second call does nothing.
   */
  firstByte(): void

  /**
   * Says what the request has used of one of the configuration's `dimensions` so far. The last word counts when the lease ends, however it
   * ends; without one what was declared counts. After the end it does nothing.
   * @throws {Rejection} `UNKNOWN_DIMENSION`, when it is none; nothing is taken down
   */
  report(dimension: string, amount: number): void

  /**
   * Says what the answer tells of the endpoint's own limits, which hold for everybody. While nothing is left there, nobody is sent
   * there; when that is so of all endpoints, requests wait for the first to return, or are told when that is (`UPSTREAM_LIMITED`).
   */
  reportUpstream(report: UpstreamReport): void

  /**
   * Hands on what the endpoint says of its own load: the value of its header `endpoint-load-metrics` (`TEXT cpu_utilization:0.7,rps_fractional:120`,
   * `JSON {…}` or `BIN …`), for the strategies that go by it. After the end it does nothing.
   * @throws {RangeError} for one that cannot be read
   */
  reportLoad(report: string): void

  /**
   * Ends it with what happened: `success` unless told otherwise. A second call does nothing.
   * @throws {Rejection} `UNKNOWN_DIMENSION`, for one of `measured.amounts`; then it has not ended
   */
  finish(outcome?: Outcome, measured?: Measured): void

  /** Ends it as `cancelled`, unless it was finished: a block that ends cannot tell whether the request went well. */
  [Symbol.dispose](): void

  /** As `Symbol.dispose`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What to change of a pool's endpoints. It is done in this order, whatever order it is written in. */
export interface EndpointChanges {
  /** Addresses. What is in flight there ends in peace. */
  remove?: string[]
  /** As the configuration has them. One that is there takes the new settings and keeps its state. */
  add?: (string | EndpointConfig)[]
  /** Weights by address. */
  reweigh?: Record<string, number>
  /** Addresses that get nothing new. */
  drain?: string[]
  /** Addresses that do again. */
  resume?: string[]
}

/**
 * The health checks of one balancer. Whoever runs this takes what is due, asks the endpoint, says what came of it, and looks again when it is time, or once in a while: another
 * configuration may want other checks.
 */
export class HealthChecks {
  private constructor()

  /** The next check that is due now, if there is one. */
  nextCheck(): HealthCheck | undefined

  /** How long until one is due; `undefined` where no pool wants any. */
  dueInMs(): number | undefined
}

/** Why a health check has failed. */
export type CheckFailure = 'timeout' | 'connect' | 'tls' | 'broken' | 'status' | 'body' | 'not_serving' | 'other'

/** A check that is to be done: ask the endpoint, and say `passed` or `failed`. One that is collected, or comes later than its timeout and the endpoint's next check, teaches nothing. */
export class HealthCheck {
  private constructor()

  readonly pool: string

  /** The endpoint's, as the configuration writes it. */
  readonly address: string

  /** What the pool's `probe` says. */
  readonly kind: 'http' | 'tcp' | 'tls' | 'grpc' | 'custom'

  /** What it is about: the path of `http`, the service of `grpc`, the name of `custom`. */
  readonly subject: string | undefined

  /** After so long a check without an answer has failed. */
  readonly timeoutMs: number

  /** What to ask by HTTP, and which answers are good; `undefined` for other kinds. */
  readonly http: HttpCheck | undefined

  /** The port to ask at, if it is not the address's. */
  readonly port: number | undefined

  /** Whether `http` and `grpc` go over TLS: where the address begins with `https://`, never, or always. */
  readonly scheme: 'as_address' | 'http' | 'https'

  /** The name that TLS asks for, if it is not the host's. */
  readonly serverName: string | undefined

  /** The endpoint serves. A second word is not heard. */
  passed(): void

  /** It does not. The evidence, of which 256 characters are kept, and the reason go into the event, if one follows. Default `'other'`. */
  failed(evidence?: string, reason?: CheckFailure): void
}

/** What a health check by HTTP asks, and which answers are good. */
export interface HttpCheck {
  method: string
  /** Perhaps with a query. */
  path: string
  /** What the `host` header says, if it is not the address. */
  host: string | undefined
  /** Further ones, by name. */
  headers: Record<string, string>
  /** Text that must stand in the first 64 KiB of the body; `undefined`: it need not be read. */
  body: string | undefined
  /** Whether this status is good; `false` for what is none. */
  accepts(status: number): boolean
}

/** When a discovery's source is asked again, and what its answers may do. Times are finite. */
export interface DiscoverySettings {
  /** The shortest time between two questions, whatever the answers say. Default 5 s. */
  floorMs?: number | undefined
  /** The longest, before jitter. Default 5 min. */
  ceilingMs?: number | undefined
  /** By what share of itself a wait is lengthened at most. From 0 to 1, default 0.1. */
  jitter?: number | undefined
  /** How long after a first failure to ask again; doubled with each failure more. Default 1 s. */
  firstRetryMs?: number | undefined
  /** The longest wait after a failure, before jitter. Default 30 s. */
  longestRetryMs?: number | undefined
  /** Whether an empty answer takes the last endpoint away. Default false: it counts as a failure, and changes nothing. */
  mayEmpty?: boolean | undefined
  /** The most endpoints that an answer may have; a longer one counts as a failure. From 1 to 1 000 000, default 10 000. */
  mostEndpoints?: number | undefined
}

/** What is true now of one discovery. Moments are nanoseconds on the balancer's clock: `Balancer.nowNs`. */
export interface DiscoveryStatus {
  pool: string
  /** What is asked. */
  source: string
  /** How many endpoints the last good answer had. */
  endpoints: number
  /** When it came; `undefined`: there was none yet. */
  lastSuccessNs: bigint | undefined
  /** The newest failure, of whole answers and of parts. It stays after a success: `failures` tells whether it is over. */
  lastFailure: { atNs: bigint; problem: string } | undefined
  /** Failures in a row; 0: the last answer was good. */
  failures: number
  /** When it is time to ask again. */
  nextRefreshNs: bigint
}

/**
 * One source of one pool's endpoints; what `Balancer.discovery` returns. It does not keep the balancer alive, and asks nobody itself: whoever has it asks when it says so,
 * and hands in the answers. These become the pool's endpoints by what differs: those that stay keep their load, health and requests in flight, those that are gone
 * get nothing new and end what they have. What it has found outlasts `reconfigure`. Once it is closed or collected, that stays until another discovery of the
 * pool has an answer, or the next `reconfigure`; what it is told then is not heard.
 */
export class Discovery implements Disposable {
  private constructor()

  /**
   * These are all endpoints of this source, written as in the configuration, for so long, which is finite. `null`: the source is asked again at once, and itself waits until
   * something changes. Whatever is thrown, by `endpoints` itself, too: the pool stays as it was, and it counts as a failure already.
   * @throws {ConfigError} when the answer is empty and may not be, too long, or cannot be configured so
   */
  found(endpoints: Iterable<string | EndpointConfig>, ttlMs: number | null): void

  /** There is no answer: everything stays as it is. Of the problem 256 characters are kept. */
  failed(problem: string): void

  /** The answer was good but for a part, for which the last good one stood in: seen in the status, and no failure. Of the problem 256 characters are kept. */
  note(problem: string): void

  /** How long until it is time to ask; `undefined` when it is closed, or the balancer is gone. */
  dueInMs(): number | undefined

  /** How it is doing; `undefined` when it is closed, or the balancer is gone. */
  status(): DiscoveryStatus | undefined

  /** Ends it. A second call does nothing. */
  close(): void

  /** As `close`. */
  [Symbol.dispose](): void
}

/**
 * Exponential back-off with full jitter: before the n-th retry, any time from nothing to the smaller of `capMs` and `baseMs` · 2^(n-1), all equally likely, so that those
 * who failed together do not come back together.
 */
export class Backoff {
  /**
   * By default from 25 ms to 250 ms; both are finite. `seed`: what waits are drawn from, 0 unless given; instances should have different ones, such as
   * `randomBytes(8).readBigUInt64LE()`. No process id: in containers all have the same.
   */
  constructor(options?: { baseMs?: number | undefined; capMs?: number | undefined; seed?: number | bigint | undefined })

  /** The longest wait before the `retry`-th retry, counted from 1; a RangeError for 0. */
  boundMs(retry: number): number

  /** The wait before the `retry`-th retry of a request. `request` tells requests apart: the same two numbers give the same wait. */
  waitMs(retry: number, request: number | bigint): number
}

/** The other side of a probe: counts a server's requests, and knows what to answer. */
export class ServerLoad {
  /** `clock`: one that moves by hand, for tests. */
  constructor(options?: { clock?: ManualClock | undefined })

  /** A request has come. Say how it ends, in any case: it counts as in flight until then, or until it is collected. */
  begin(): Begun

  /** What to answer a probe: the requests in flight, and the median of how long those took of late that came in at about this load, if there were any. */
  report(): { rif: number; latencyMs: number | undefined }
}

/** A request in flight at a server; what `ServerLoad.begin` returns. */
export class Begun implements Disposable {
  private constructor()

  /** It has been answered in full. A second word is not heard. */
  end(): void

  /** It has broken off: it is no longer in flight, and tells no latency. */
  abandon(): void

  /** As `abandon`, unless it has ended. */
  [Symbol.dispose](): void
}

/**
 * Does a balancer's health checks until the signal says stop: once per balancer. `check` asks one endpoint: where it returns, or its promise is fulfilled, the endpoint serves; where it
 * throws, or takes longer than `timeoutMs`, it does not. The signal that it is given says when to give up. At most `mostUnderWay` (256) run at once. It keeps its balancer alive, but not the process.
 */
export function checkHealth(
  balancer: Balancer,
  check: (check: HealthCheck, signal: AbortSignal) => unknown,
  options?: { signal?: AbortSignal | undefined; mostUnderWay?: number | undefined },
): Promise<void>

/**
 * The probes of one balancer. Each request that is picked for brings a pool some probes. Whoever runs this takes one after the other, asks the
 * endpoint, and answers; `for await` waits for the next.
 */
export class Probes implements AsyncIterable<Probe> {
  private constructor()

  /** The next probe that is due now, if there is one. For loops of one's own. */
  nextProbe(): Probe | undefined

  [Symbol.asyncIterator](): AsyncGenerator<Probe, void, undefined>
}

/**
 * A probe that is to be carried: ask the endpoint for its load, and `answer`. One that fails teaches nothing, and makes room for the next; say so by
 * `fail`, or else that is only known when it is collected.
 */
export class Probe {
  private constructor()

  /** The endpoint's, as the configuration writes it. */
  readonly address: string

  /** Where the endpoint answers probes: `probe` in the pool's strategy. */
  readonly path: string

  /** After so long it is worth nothing. */
  readonly timeoutMs: number

  /**
   * What the endpoint said: its requests in flight, from all of its callers, and how long requests took of late that came in at about this load; left out where
   * it does not know. A second call does nothing.
   */
  answer(rif: number, latencyMs?: number): void

  /** Gives it up. */
  fail(): void
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

/** What putting a ledger back has done. */
export interface Restored {
  /** How many tenants have back what they had used. */
  tenants: number
  /** How many of the ledger's tenants the configuration neither names nor lets be made. */
  leftOut: number
}

/** Bytes that are no ledger, or not a whole one. */
export class LedgerError extends Error {
  private constructor()

  readonly code: 'LEDGER'
}

/** A clock that moves only when told to: for tests. It starts at 0. */
export class ManualClock {
  /** `unixMs`: its date at the start, as `Date.now()` counts. Default: 1970. */
  constructor(options?: { unixMs?: number | undefined })

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
  /** Among those that have the same parent; 1 for the own requests of one that has tenants beneath it, 0 for a sum. */
  weight: number
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

export type EjectionReason =
  | 'consecutive_failures'
  | 'consecutive_gateway_failures'
  | 'success_rate'
  | 'failure_percentage'
  | 'latency'
  | 'failed_probation'

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
      /** An endpoint has told that its own limits are spent. */
      event: 'upstream_spent'
      pool: string
      endpoint: string
      /** When it takes requests again, in seconds since 1970, rounded up. */
      untilUnixS: number
    }
  | {
      /** Real requests have shown that an endpoint does not serve: it is left out for a while. */
      event: 'endpoint_ejected'
      pool: string
      endpoint: string
      reason: EjectionReason
      /** What was seen. */
      evidence: string
      /** The how manieth ejection in a row it is. */
      ejections: number
      forMs: number
    }
  | {
      /** An endpoint serves worse than the others, or should be ejected where too many are: for a while it serves only where the others do not suffice. */
      event: 'endpoint_degraded'
      pool: string
      endpoint: string
      reason: EjectionReason
      evidence: string
      forMs: number
    }
  | {
      /** A rule in shadow mode has found an endpoint, and nothing follows from it. */
      event: 'outlier_shadowed'
      pool: string
      endpoint: string
      reason: EjectionReason
      evidence: string
    }
  | {
      /** A request on probation has succeeded: the endpoint serves again. */
      event: 'endpoint_returned'
      pool: string
      endpoint: string
    }
  | {
      /** An endpoint has asked to be left alone for a while. */
      event: 'endpoint_cooling_down'
      pool: string
      endpoint: string
      forMs: number
    }
  | {
      /** So many health checks in a row have failed that the endpoint is left out, until as many as that takes succeed. */
      event: 'endpoint_failing'
      pool: string
      endpoint: string
      /** Why the last of them failed. */
      reason: CheckFailure
      /** What was seen then; at most 256 characters. */
      evidence: string
      /** How many in a row. */
      failures: number
    }
  | {
      /** So many health checks in a row have succeeded that the endpoint serves, as far as they are concerned. */
      event: 'endpoint_passing'
      pool: string
      endpoint: string
      /** How many in a row. */
      successes: number
    }
  | {
      /** An operator has decided on an endpoint's health, or taken it back. */
      event: 'health_overridden'
      pool: string
      endpoint: string
      /** `undefined`: its own health counts again. */
      to: 'disabled' | 'ejected' | 'healthy' | undefined
      /** `undefined`: until it is taken back. */
      forMs: number | undefined
    }
  | {
      /** A discovery has changed a pool's endpoints. */
      event: 'endpoints_discovered'
      pool: string
      /** What was asked. */
      source: string
      /** How many came. */
      added: number
      /** How many went. */
      removed: number
      /** How many the pool has now, its configured ones included. */
      endpoints: number
    }
  | {
      /** A discovery has failed, for the first time in a row: the pool stays as it is. */
      event: 'discovery_failed'
      pool: string
      source: string
      problem: string
    }
  | {
      /** A discovery that had failed has a good answer again. */
      event: 'discovery_recovered'
      pool: string
      source: string
      /** How often in a row it had failed. */
      failures: number
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
  /** Whether so few of its endpoints are healthy that unhealthy ones serve, too. */
  panic: boolean
  retries: AttemptStats
  hedges: AttemptStats
  /**
   * Requests for a seat that named this pool and were refused in the end, or that waited here in vain, since the pool was made: how many by code, without
   * those that never were. What another pool served in its place is none; neither is what `check` refuses.
   */
  rejections: Partial<Record<RejectionCode, number>>
  /** In the configuration's order. */
  endpoints: EndpointStats[]
}

/** Since the pool was made. */
export interface AttemptStats {
  /** Those that got a seat. */
  passed: number
  /** Those that their tenants' budgets refused. */
  refused: number
}

export interface EndpointStats {
  address: string
  /** As it is configured; 0 takes no new requests but those of sessions. */
  weight: number
  /** Whether it drains: nothing new goes there. */
  draining: boolean
  inFlight: number
  completed: number
  failed: number
  /** Recent peak latency, decayed; undefined before the first sample. */
  latencyMs: number | undefined
  /** Where its health stands, the strongest reason first: `cooling_down` has asked to be left alone for a while, `failing` are its health checks. */
  health: 'healthy' | 'degraded' | 'cooling_down' | 'probation' | 'ejected' | 'failing' | 'disabled'
  /** Whether an operator's word is in force, whatever its own health is. */
  overridden: boolean
  /** Whether real requests have shown that it does not serve: it is ejected or on probation, also where an operator decides otherwise. */
  ejected: boolean
  /** How often a rule in shadow mode has found it. */
  shadowEjections: number
  /** Requests that its own limits, configured or told by it, allow now; undefined where it has none. */
  requestsLeft: number | undefined
  /** Of how many, where that is known. */
  requestsLimit: number | undefined
  /** Cost that they allow now. */
  costLeft: number | undefined
  /** Of how much, where that is known. */
  costLimit: number | undefined
  /** For how long they keep a request of cost 1 away; undefined where they do not. */
  returnsInMs: number | undefined
}

/** What is left of one limit of an endpoint. */
export interface UpstreamLimit {
  /** So much. */
  left: number
  /** Of so much: for statistics. */
  limit?: number | undefined
  /** It begins anew after so long. Without it and `resetAtMs` what is said counts for one second. */
  resetMs?: number | undefined
  /** It begins anew at this time, as `Date.now()` counts. */
  resetAtMs?: number | undefined
}

/** What an answer tells of its endpoint's own limits. */
export interface UpstreamReport {
  requests?: UpstreamLimit | undefined
  /** In the unit of `cost`. */
  cost?: UpstreamLimit | undefined
  /** How long the endpoint wants to be left alone; a later, shorter word does not shorten it. */
  retryAfterMs?: number | undefined
}

/** This package's version. */
export const VERSION: string

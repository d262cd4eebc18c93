'use strict'

/** The core's figures in JavaScript's names. */
function toStats(text) {
  const { tenants, other, pools } = JSON.parse(text)
  return { tenants: tenants.map(toTenant), other: toTenant(other), pools: pools.map(toPool) }
}

function toTenant({ id, weight, in_flight: inFlight, waiting, beneath, completed, rejected, shadow_rejected: shadowRejected }) {
  return { id, weight, inFlight, waiting, beneath, completed, rejected, shadowRejected }
}

function toPool({ name, capacity, in_flight: inFlight, waiting, panic, retries, hedges, rejections, endpoints }) {
  return { name, capacity, inFlight, waiting, panic, retries, hedges, rejections, endpoints: endpoints.map(toEndpoint) }
}

function toEndpoint({ address, weight, draining, in_flight: inFlight, completed, failed, latency_s: latency, health, overridden, ejected, shadow_ejections: shadowEjections, ...limits }) {
  return {
    address,
    weight,
    draining,
    inFlight,
    completed,
    failed,
    latencyMs: latency === null ? undefined : latency * 1e3,
    health,
    overridden,
    ejected,
    shadowEjections,
    requestsLeft: limits.requests_left ?? undefined,
    requestsLimit: limits.requests_limit ?? undefined,
    costLeft: limits.cost_left ?? undefined,
    costLimit: limits.cost_limit ?? undefined,
    returnsInMs: limits.returns_in_s === null ? undefined : limits.returns_in_s * 1e3,
  }
}

/** One tenant or `undefined`. */
function toTenantStats(text) {
  const tenant = JSON.parse(text)
  return tenant === null ? undefined : toTenant(tenant)
}

/** One pool or `undefined`. */
function toPoolStats(text) {
  const pool = JSON.parse(text)
  return pool === null ? undefined : toPool(pool)
}

function toTenantPage(text) {
  const { tenants, next } = JSON.parse(text)
  return { tenants: tenants.map(toTenant), next: next === null ? undefined : next }
}

/** Every limit that counts for a tenant, or `undefined`. */
function toLimits(text) {
  const limits = JSON.parse(text)
  return limits === null ? undefined : limits.map(toLimit)
}

function toLimit({ parent, unit, budget, shadow, amount, used, remaining, window, next_in: nextIn, full_in: fullIn }) {
  return {
    parent: parent ?? undefined,
    unit: unit.dimension ?? unit,
    budget,
    shadow,
    amount,
    used,
    remaining,
    windowMs: milliseconds(window),
    nextInMs: nextIn === null ? undefined : milliseconds(nextIn),
    fullInMs: milliseconds(fullIn),
  }
}

function milliseconds({ secs, nanos }) {
  return secs * 1e3 + nanos / 1e6
}

/** The native side leaves out what is not there. */
function toDiscoveryStatus({ pool, source, endpoints, lastSuccessNs, lastFailure, failures, nextRefreshNs }) {
  return { pool, source, endpoints, lastSuccessNs, lastFailure, failures, nextRefreshNs }
}

function toEvents(text) {
  return JSON.parse(text).map((event) => Object.fromEntries(Object.entries(event).map(toField)))
}

function toField([name, value]) {
  return [name.replace(/_[a-z]/g, ([, letter]) => letter.toUpperCase()), value ?? undefined]
}

module.exports = { toDiscoveryStatus, toEvents, toLimits, toPoolStats, toStats, toTenantPage, toTenantStats }

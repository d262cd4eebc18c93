'use strict'

const { Backoff } = require('./lib/backoff.cjs')
const { Balancer } = require('./lib/balancer.cjs')
const { ManualClock } = require('./lib/clock.cjs')
const { ConfigError } = require('./lib/config.cjs')
const { Discovery } = require('./lib/discovery.cjs')
const { EventCursor } = require('./lib/events.cjs')
const { HealthCheck, HealthChecks, checkHealth } = require('./lib/health-checks.cjs')
const { Lease } = require('./lib/lease.cjs')
const { LedgerError } = require('./lib/ledger.cjs')
const { Probe, Probes } = require('./lib/probes.cjs')
const { Rejection } = require('./lib/rejection.cjs')
const { Begun, ServerLoad } = require('./lib/server-load.cjs')
const { TenantHandle } = require('./lib/tenant.cjs')
const { VERSION } = require('./lib/native.cjs')

module.exports = {
  Backoff,
  Balancer,
  Begun,
  ConfigError,
  Discovery,
  EventCursor,
  HealthCheck,
  HealthChecks,
  Lease,
  LedgerError,
  ManualClock,
  Probe,
  Probes,
  Rejection,
  ServerLoad,
  TenantHandle,
  VERSION,
  checkHealth,
}

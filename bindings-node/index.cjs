'use strict'

const { Balancer } = require('./lib/balancer.cjs')
const { ManualClock } = require('./lib/clock.cjs')
const { ConfigError } = require('./lib/config.cjs')
const { EventCursor } = require('./lib/events.cjs')
const { HealthCheck, HealthChecks, checkHealth } = require('./lib/health-checks.cjs')
const { Lease } = require('./lib/lease.cjs')
const { LedgerError } = require('./lib/ledger.cjs')
const { Probe, Probes } = require('./lib/probes.cjs')
const { Rejection } = require('./lib/rejection.cjs')
const { TenantHandle } = require('./lib/tenant.cjs')
const { VERSION } = require('./lib/native.cjs')

module.exports = { Balancer, ConfigError, EventCursor, HealthCheck, HealthChecks, Lease, LedgerError, ManualClock, Probe, Probes, Rejection, TenantHandle, VERSION, checkHealth }

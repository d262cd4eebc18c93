'use strict'

const { Balancer } = require('./lib/balancer.cjs')
const { ManualClock } = require('./lib/clock.cjs')
const { ConfigError } = require('./lib/config.cjs')
const { Lease } = require('./lib/lease.cjs')
const { Rejection } = require('./lib/rejection.cjs')
const { VERSION } = require('./lib/native.cjs')

module.exports = { Balancer, ConfigError, Lease, ManualClock, Rejection, VERSION }

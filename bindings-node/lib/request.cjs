'use strict'

const { isUint8Array } = require('node:util/types')

const { count, string, wellFormed, within, wrongType } = require('./arguments.cjs')
const { PREFERRED, TOKEN } = require('./mailbox.cjs')

// What a caller says of a request, as the native side takes it.

function unitsOf(cost) {
  return cost === undefined ? 1 : count(cost, 'cost')
}

function urgencyOf(priority) {
  return priority === undefined ? DEFAULT_PRIORITY : within(priority, 'priority', 0, 7)
}

function widthOf(seats) {
  return seats === undefined ? 1 : within(seats, 'seats', 1, 2 ** 32 - 1)
}

/** Which attempt it is, as the native side numbers them. */
function attemptOf(attempt) {
  const number = ATTEMPTS.indexOf(string(attempt, 'attempt'))
  if (number < 0) throw new RangeError(`attempt must be 'first', 'retry' or 'hedge', not ${JSON.stringify(attempt)}`)
  return number
}

/** The token of an earlier lease, or an address that the caller trusts. */
function sessionOf(affinity, prefer) {
  if (affinity === undefined && prefer === undefined) return undefined
  if (prefer === undefined) return { kind: TOKEN, text: string(affinity, 'affinity') }
  if (affinity === undefined) return { kind: PREFERRED, text: string(prefer, 'prefer') }
  throw new RangeError('affinity: give it or prefer, not both')
}

/** Text, or a copy of bytes: other threads may write to shared memory while it is read. */
function keyOf(key) {
  if (key === undefined || typeof key === 'string') return key
  if (!isUint8Array(key)) throw wrongType('key', 'a string or a Uint8Array', key)
  return Buffer.from(key)
}

/** A list of addresses as JSON, read once; `undefined` for an empty one. */
function addressesOf(avoid) {
  if (!Array.isArray(avoid)) throw wrongType('avoid', 'an array of addresses', avoid)
  const addresses = Array.from(avoid, (address, place) => wellFormed(address, `avoid[${place}]`))
  return addresses.length === 0 ? undefined : JSON.stringify(addresses)
}

const ATTEMPTS = ['first', 'retry', 'hedge']
/** RFC 9218's. */
const DEFAULT_PRIORITY = 3

module.exports = { DEFAULT_PRIORITY, addressesOf, attemptOf, keyOf, sessionOf, unitsOf, urgencyOf, widthOf }

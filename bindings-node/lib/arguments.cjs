'use strict'

// What callers hand in, checked here so that the native side never meets a surprise. A wrong type is a TypeError, a number
// outside its bounds a RangeError; both name the argument.

function string(value, name) {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value)
  return value
}

function optionalString(value, name) {
  return value === undefined ? undefined : string(value, name)
}

/** A whole number from 0 on, as long as doubles are exact. */
function count(value, name) {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a whole number from 0 to 2^53 - 1, not ${value}`)
  }
  return value
}

/** A whole number within bounds. */
function within(value, name, least, most) {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`)
  }
  return value
}

function milliseconds(value, name) {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!(value >= 0)) throw new RangeError(`${name} must be milliseconds from 0 on, not ${value}`)
  return value
}

function object(value, name) {
  if (typeof value !== 'object' || value === null) throw wrongType(name, 'an object', value)
  return value
}

function wrongType(name, expected, value) {
  return new TypeError(`${name} must be ${expected}, not ${kindOf(value)}`)
}

/** Says what a value is without running any of its code. */
function kindOf(value) {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return /^[aeiou]/.test(typeof value) ? `an ${typeof value}` : `a ${typeof value}`
}

module.exports = { count, milliseconds, object, optionalString, string, within, wrongType }

'use strict'

const { isMap } = require('node:util/types')

// What callers hand in, checked here so that the native side never meets a surprise. A wrong type is a TypeError, a number
// outside its bounds a RangeError; both name the argument.

function string(value, name) {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value)
  return value
}

/** A string that is the same on the other side: a lone surrogate would become another character there. */
function wellFormed(value, name) {
  if (!string(value, name).isWellFormed()) throw new RangeError(`${name} must be well-formed, without lone surrogates`)
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
  if (!isWithin(value, least, most)) throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`)
  return value
}

function isWithin(number, least, most) {
  return Number.isInteger(number) && number >= least && number <= most
}

/** 64 bits without a sign: a whole number as long as doubles are exact, or a bigint. */
function bits(value, name) {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && value >= 0) return BigInt(value)
    throw new RangeError(`${name} must be a whole number from 0 to 2^53 - 1, or a bigint, not ${value}`)
  }
  if (typeof value !== 'bigint') throw wrongType(name, 'a number or a bigint', value)
  if (value < 0n || value > LARGEST) throw new RangeError(`${name} must be from 0 to 2^64 - 1, not ${value}`)
  return value
}

function milliseconds(value, name) {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!(value >= 0)) throw new RangeError(`${name} must be milliseconds from 0 on, not ${value}`)
  return value
}

/** The same where for ever makes no sense. */
function finiteMilliseconds(value, name) {
  if (milliseconds(value, name) === Infinity) throw new RangeError(`${name} must be finite milliseconds from 0 on, not ${value}`)
  return value
}

/** Left out, it is the core's default. */
function optionalMilliseconds(value, name) {
  return value === undefined ? undefined : finiteMilliseconds(value, name)
}

/** What is declared or reported of dimensions, read once: names and amounts. */
function amountsOf(amounts) {
  object(amounts, 'amounts')
  // Neither has keys that are names, and what is in them would be left out in silence.
  if (Array.isArray(amounts) || isMap(amounts)) throw wrongType('amounts', 'an object of names and numbers', amounts)
  return Object.keys(amounts).map((name) => [name, count(amounts[name], `amounts.${name}`)])
}

function object(value, name) {
  if (typeof value !== 'object' || value === null) throw wrongType(name, 'an object', value)
  return value
}

/** An object of settings: a misspelt one is not passed over, nor one that it inherits, for those are read, too. */
function settings(value, name, known) {
  for (const key in object(value, name)) {
    if (!known.includes(key)) throw new TypeError(`${name}.${key} is unknown: give ${known.join(', ')}`)
  }
  return value
}

/** The same, where they may be left out. */
function optionalSettings(value, name, known) {
  return value === undefined ? {} : settings(value, name, known)
}

function abortSignal(signal) {
  const usable = typeof signal === 'object' && signal !== null && typeof signal.addEventListener === 'function'
  if (!usable) throw wrongType('signal', 'an AbortSignal', signal)
  return signal
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

const LARGEST = 2n ** 64n - 1n

module.exports = {
  abortSignal, amountsOf, bits, count, finiteMilliseconds, isWithin, milliseconds, optionalMilliseconds, optionalSettings, optionalString, settings,
  string, wellFormed, within, wrongType,
}

'use strict'

const { readFileSync } = require('node:fs')
const { extname } = require('node:path')
const { isMap } = require('node:util/types')

const { wrongType } = require('./arguments.cjs')

/** Why a configuration was refused: where, what stands there, and what would be right. */
class ConfigError extends Error {
  constructor({ path, value, fix, message }) {
    super(message)
    this.code = 'CONFIG'
    this.path = path
    this.value = value
    this.fix = fix
  }
}
Object.defineProperty(ConfigError.prototype, 'name', { value: 'ConfigError', configurable: true, writable: true })

/** A configuration object as the document that every language shares, and the strategies in it that are functions, by pool. */
function toDocument(config) {
  const functions = []
  return { text: toText(config, 'config', [], functions), format: 'json', functions }
}

/** One tenant's object as it stands in the document. */
function toTenantText(id, spec) {
  return toText(spec, 'spec', ['tenants', id])
}

/** Changes of a pool's endpoints; their paths begin where the document has the endpoints. */
function toChangesText(pool, changes) {
  return toText(changes, 'changes', ['pools', pool, 'endpoints'])
}

/** A pool's endpoints that were found; paths are the document's. */
function toFoundText(pool, endpoints) {
  const usable = typeof endpoints === 'object' && endpoints !== null && Symbol.iterator in endpoints && !isMap(endpoints)
  if (!usable) throw wrongType('endpoints', 'an array of addresses or endpoints', endpoints)
  return JSON.stringify(Array.from(endpoints), replacer(['pools', pool, 'endpoints']))
}

function toText(value, name, root, functions) {
  // A `Map` has no keys that are names, and what is in it would be left out in silence.
  const usable = typeof value === 'object' && value !== null && !Array.isArray(value) && !isMap(value)
  if (!usable) throw wrongType(name, 'an object', value)
  const text = JSON.stringify(value, replacer(root, functions))
  if (text === undefined) throw wrongType(name, 'an object', undefined)
  return text
}

function readDocument(path) {
  if (typeof path !== 'string' && !(path instanceof URL)) throw wrongType('path', 'a string or a URL', path)
  const name = path instanceof URL ? path.pathname : path
  return { text: readFileSync(path, 'utf8'), format: extname(name).slice(1), functions: [] }
}

/** JSON would write `null` for NaN, and leave out functions and symbols: nothing may be dropped in silence. */
function replacer(root, functions) {
  const places = new Map()
  return function (key, value) {
    const above = places.get(this)
    const place = above === undefined ? root : [...above, Array.isArray(this) ? Number(key) : key]
    if (typeof value === 'object' && value !== null) places.set(value, place)
    if (typeof value === 'function' && functions !== undefined && isStrategy(place)) {
      functions.push([place[1], value])
      return STANDS_IN
    }
    const fix = fixOf(value)
    if (fix === undefined) return value
    const path = place.reduce(join, '')
    const shown = typeof value === 'function' ? 'a function' : String(value)
    throw new ConfigError({ path: path || '.', value: shown, fix, message: `${path}: ${shown} cannot be used: ${fix}` })
  }
}

/** `pools.<name>.strategy` */
function isStrategy(place) {
  return place.length === 3 && place[0] === 'pools' && place[2] === 'strategy'
}

function join(above, key) {
  if (typeof key === 'number') return `${above}[${key}]`
  const name = /^[\p{Alphabetic}\p{Number}_-]+$/u.test(key) ? key : JSON.stringify(key)
  return above === '' ? name : `${above}.${name}`
}

function fixOf(value) {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : 'give a finite number'
    case 'bigint':
      return 'give a number'
    case 'function':
    case 'symbol':
      return 'give what JSON can write'
    default:
      return undefined
  }
}

/** What stands in the document where a strategy is a function. */
const STANDS_IN = 'p2c'

module.exports = { ConfigError, readDocument, toChangesText, toDocument, toFoundText, toTenantText }

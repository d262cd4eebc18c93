'use strict'

const { readFileSync } = require('node:fs')
const { extname } = require('node:path')

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

/** A configuration object as the document that every language shares. */
function toDocument(config) {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw wrongType('config', 'an object', config)
  }
  const text = JSON.stringify(config, replacer())
  if (text === undefined) throw wrongType('config', 'an object', undefined)
  return { text, format: 'json' }
}

function readDocument(path) {
  if (typeof path !== 'string' && !(path instanceof URL)) throw wrongType('path', 'a string or a URL', path)
  const name = path instanceof URL ? path.pathname : path
  return { text: readFileSync(path, 'utf8'), format: extname(name).slice(1) }
}

/** JSON would write `null` for NaN, and leave out functions and symbols: nothing may be dropped in silence. */
function replacer() {
  const paths = new Map()
  return function (key, value) {
    const above = paths.get(this)
    const path = above === undefined ? '' : Array.isArray(this) ? `${above}[${key}]` : join(above, key)
    if (typeof value === 'object' && value !== null) paths.set(value, path)
    const fix = fixOf(value)
    if (fix === undefined) return value
    const shown = typeof value === 'function' ? 'a function' : String(value)
    throw new ConfigError({ path: path || '.', value: shown, fix, message: `${path}: ${shown} cannot be used: ${fix}` })
  }
}

function join(above, key) {
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

module.exports = { ConfigError, readDocument, toDocument }

'use strict'

const fs = require('node:fs')
const { dirname } = require('node:path')
const { fileURLToPath } = require('node:url')

const { wrongType } = require('./arguments.cjs')
const { isLedger } = require('./native.cjs')

/** Bytes that are no ledger, or not a whole one. Nothing has been restored. */
class LedgerError extends Error {
  constructor(message) {
    super(message)
    this.code = 'LEDGER'
  }
}
Object.defineProperty(LedgerError.prototype, 'name', { value: 'LedgerError', configurable: true, writable: true })

/**
 * Writes a new file, syncs it to the disk, and renames it into place; the one before stays as `….previous`. The same files, in the
 * same steps, as the `LedgerFile` of Rust's `tenantry-tower`.
 */
function save(path, ledger) {
  const name = toName(path)
  const file = fs.openSync(`${name}.new`, 'w')
  try {
    fs.writeFileSync(file, ledger)
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
  const before = read(name)
  // A damaged one must not take the place of the good one before it.
  if (before !== undefined && isLedger(before)) fs.renameSync(name, `${name}.previous`)
  fs.renameSync(`${name}.new`, name)
  syncFolder(dirname(name))
}

/** Restores the newest file that is whole; `undefined` where there is none at all. */
function load(path, restore) {
  const name = toName(path)
  let broken
  for (const ledger of candidates(name)) {
    try {
      return restore(ledger)
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      broken ??= error
    }
  }
  if (broken === undefined) return undefined
  throw new LedgerError(`${name} cannot be read, nor the one before it: ${broken.message}; move both away to start with fresh limits`)
}

function candidates(name) {
  return [read(name) ?? unrenamed(name), read(`${name}.previous`)].filter((ledger) => ledger !== undefined)
}

/** Between the two renames of a save, the newest is the one that is not renamed yet. Torn, it is what a save left that never ended. */
function unrenamed(name) {
  const ledger = read(`${name}.new`)
  return ledger !== undefined && isLedger(ledger) ? ledger : undefined
}

/** What is in a file; `undefined` where it is not there. */
function read(name) {
  try {
    return fs.readFileSync(name)
  } catch (error) {
    if (error?.code !== 'ENOENT') throw error
    return undefined
  }
}

/** Makes the renames last after a power cut, too; on Windows a folder cannot be opened. */
function syncFolder(folder) {
  if (process.platform === 'win32') return
  const descriptor = fs.openSync(folder, 'r')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

function toName(path) {
  if (typeof path !== 'string' && !(path instanceof URL)) throw wrongType('path', 'a string or a URL', path)
  return typeof path === 'string' ? path : fileURLToPath(path)
}

module.exports = { LedgerError, load, save }

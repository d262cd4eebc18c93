'use strict'

const { inspect } = require('node:util')

const { wrongType } = require('./arguments.cjs')

/** The pools' strategies that are functions, by the numbers that the native side has instead. */
class Strategies {
  #functions = new Map()
  #next = 0

  /** Numbers the functions of a document that is to come into force. */
  number(functions) {
    return functions.map(([pool, choose]) => {
      const number = this.#next++
      this.#functions.set(number, choose)
      return { pool, number }
    })
  }

  /** These are in force, and no others. */
  keep(numbered) {
    const kept = new Set(numbered.map(({ number }) => number))
    for (const number of this.#functions.keys()) if (!kept.has(number)) this.#functions.delete(number)
  }

  /** These have been refused. */
  forget(numbered) {
    for (const { number } of numbered) this.#functions.delete(number)
  }

  /** The index that a function answers, or NOBODY. It never throws: the request is served all the same. */
  choose(number, candidates, key, pick) {
    try {
      const choose = this.#functions.get(number)
      const answer = choose?.(candidates, key ?? undefined, pick)
      return answer === undefined || answer === null ? NOBODY : indexOf(answer)
    } catch (error) {
      process.emitWarning('A strategy has thrown; p2c serves the request.', { code: 'TENANTRY_STRATEGY', detail: shown(error) })
      return NOBODY
    }
  }
}

/** An index that there is not is nobody, too. */
function indexOf(answer) {
  if (!Number.isInteger(answer)) throw wrongType('what a strategy returns', 'a whole number', answer)
  return answer >= 0 && answer < 2 ** 31 ? answer : NOBODY
}

function shown(error) {
  try {
    return inspect(error)
  } catch {
    return 'what it has thrown cannot be shown'
  }
}

const NOBODY = -1

module.exports = { Strategies }

'use strict'

/** Pool names as the numbers that the native side knows them by: a string that crosses the border costs 50 ns. */
class Pools {
  #native
  #numbers = new Map()
  #lastName
  #lastNumber

  constructor(native) {
    this.#native = native
  }

  number(name) {
    if (name !== this.#lastName) {
      this.#lastNumber = this.#numbers.get(name) ?? this.#learn(name)
      this.#lastName = name
    }
    return this.#lastNumber
  }

  /** Names that are no pool's are numbered too, and bounded here: they may come from anywhere. */
  #learn(name) {
    if (this.#numbers.size >= MOST) {
      this.#native.forgetPools()
      this.#numbers.clear()
    }
    if (name.length > LONGEST || !name.isWellFormed()) return this.#native.pool('')
    const number = this.#native.pool(name)
    this.#numbers.set(name, number)
    return number
  }
}

const MOST = 1024
/** The longest name that a pool can have, in bytes; the empty one is nobody's. */
const LONGEST = 255

module.exports = { Pools }

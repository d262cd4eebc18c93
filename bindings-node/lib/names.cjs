'use strict'

/** Names of pools and dimensions as the numbers that the native side knows them by: a string that crosses the border costs 50 ns. */
class Names {
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

  /** Sees to it that the numbers of so many names are right together. */
  reserve(count) {
    if (this.#numbers.size + count > MOST) this.#forget()
  }

  /** Names that are nobody's are numbered too, and bounded here: they may come from anywhere. */
  #learn(name) {
    if (this.#numbers.size >= MOST) this.#forget()
    if (name.length > LONGEST || !name.isWellFormed()) return this.#native.number('')
    const number = this.#native.number(name)
    this.#numbers.set(name, number)
    return number
  }

  #forget() {
    this.#native.forgetNames()
    this.#numbers.clear()
    this.#lastName = undefined
  }
}

const MOST = 1024
/** The longest name that a pool or a dimension can have, in bytes; the empty one is nobody's. */
const LONGEST = 255

module.exports = { Names }

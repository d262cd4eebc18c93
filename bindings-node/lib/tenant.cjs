'use strict'

const { wrongType } = require('./arguments.cjs')
const { GENERATION, NO_TICKET, SLOT } = require('./mailbox.cjs')

/** A tenant's id that one balancer has hashed. */
class TenantHandle {
  #made

  constructor(made, key) {
    if (key !== KEY) throw new TypeError('only a Balancer makes a TenantHandle')
    this.#made = made
  }

  /** The id. */
  get id() {
    return this.#made.id
  }

  [Symbol.for('nodejs.util.inspect.custom')](_depth, _options, inspect) {
    return `TenantHandle ${inspect({ id: this.#made.id })}`
  }

  /** What it was made as; `undefined` for what is no handle, of which no code is run. */
  static made(value) {
    return typeof value === 'object' && value !== null && #made in value ? value.#made : undefined
  }
}

/** For this file alone. */
const madeAs = TenantHandle.made
delete TenantHandle.made

/** The tenants' handles of one balancer: the native side keeps what each has hashed, until the handle is collected here. */
class Handles {
  #operations
  #integers
  /** What the handles know their balancer by; they do not keep it alive. */
  #home = {}
  #collected = new FinalizationRegistry((made) => this.#drop(made))

  constructor(operations, integers) {
    this.#operations = operations
    this.#integers = integers
  }

  make(id) {
    const slot = this.#operations.handle(id)
    const made = { id, slot, generation: this.#integers[GENERATION], home: this.#home }
    const handle = new TenantHandle(made, KEY)
    this.#collected.register(handle, made)
    return handle
  }

  /** Says whose the next call is: the id that goes along with it, or in the mailbox the ticket of a handle of this balancer's. */
  tell(tenant) {
    if (typeof tenant !== 'string' && tenant.home === this.#home) {
      this.#put(tenant)
      return undefined
    }
    this.#integers[SLOT] = NO_TICKET
    return typeof tenant === 'string' ? tenant : tenant.id
  }

  #drop(made) {
    this.#put(made)
    this.#operations.dropHandle()
  }

  #put({ slot, generation }) {
    this.#integers[SLOT] = slot
    this.#integers[GENERATION] = generation
  }
}

/** What stands where a tenant is asked for: an id, or what a handle was made as. */
function tenantOf(value) {
  if (typeof value === 'string') return value
  const made = madeAs(value)
  if (made === undefined) throw wrongType('tenant', 'a string or a TenantHandle', value)
  return made
}

/** The same, where only the id counts. */
function idOf(value) {
  const tenant = tenantOf(value)
  return typeof tenant === 'string' ? tenant : tenant.id
}

/** What lets the balancer, and nobody else, make a handle. */
const KEY = Symbol('tenant')

module.exports = { Handles, TenantHandle, idOf, tenantOf }

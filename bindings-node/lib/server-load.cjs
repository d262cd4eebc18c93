'use strict'

const { optionalSettings } = require('./arguments.cjs')
const { nativeClock } = require('./clock.cjs')
const { NativeServerLoad } = require('./native.cjs')

/** The other side of a probe: counts a server's requests, and knows what to answer. */
class ServerLoad {
  #native

  constructor(options = undefined) {
    const { clock } = optionalSettings(options, 'options', OPTIONS)
    this.#native = new NativeServerLoad(clock === undefined ? undefined : nativeClock(clock))
  }

  /** A request has come. */
  begin() {
    return new Begun(this.#native.begin(), KEY)
  }

  /** What to answer a probe. */
  report() {
    const { rif, latencyMs } = this.#native.report()
    return { rif, latencyMs }
  }
}

/** A request in flight at a server. One that is collected has broken off. */
class Begun {
  #native

  constructor(native, key) {
    if (key !== KEY) throw new TypeError('only a ServerLoad makes a Begun')
    this.#native = native
  }

  /** It has been answered in full. A second word is not heard. */
  end() {
    this.#native.end()
  }

  /** It has broken off, and tells no latency. */
  abandon() {
    this.#native.abandon()
  }

  /** As `abandon`, unless it has ended: a block that ends cannot tell whether the request went well. */
  [Symbol.dispose]() {
    this.abandon()
  }
}

const OPTIONS = ['clock']

/** What lets a ServerLoad, and nobody else, make one. */
const KEY = Symbol('server load')

module.exports = { Begun, ServerLoad }

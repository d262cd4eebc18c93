'use strict'

const { FIGURE, GENERATION, NOTHING, SLOT, WAITING } = require('./mailbox.cjs')
const { thrown } = require('./rejection.cjs')

/**
 * The requests that wait for a seat, each with its promise, its timer and its abort signal.
 *
 * A waiter's timer asks the core again at its deadline, or when it is to look for the return of an endpoint; it is also what keeps the event loop alive while somebody waits.
 */
class Waiters {
  #core
  #timed
  #bySlot = new Map()
  #bySignal = new Map()
  #draining = false

  constructor(core, manual) {
    this.#core = core
    this.#timed = !manual
  }

  /** The promise of the waiter that the last call made. */
  add(signal) {
    const { integers, floats } = this.#core
    const waiter = { slot: integers[SLOT], generation: integers[GENERATION], signal: undefined }
    this.#arm(waiter, floats[FIGURE])
    this.#bySlot.set(waiter.slot, waiter)
    const promise = new Promise((resolve, reject) => {
      waiter.resolve = resolve
      waiter.reject = reject
    })
    if (signal !== undefined) this.#listen(waiter, signal)
    return promise
  }

  /** Soon, hands out what the last call may have answered: sooner than the native side's own call would come. */
  drainSoon() {
    if (this.#bySlot.size === 0 || this.#draining) return
    this.#draining = true
    queueMicrotask(() => {
      this.#draining = false
      this.drain()
    })
  }

  drain() {
    let result
    while ((result = this.#core.operations.next()) !== NOTHING) {
      const waiter = this.#bySlot.get(this.#core.integers[SLOT])
      if (result !== WAITING) this.#settle(waiter, result)
      else if (waiter !== undefined) this.#rearm(waiter, this.#core.floats[FIGURE])
    }
  }

  #settle(waiter, result) {
    const core = this.#core
    if (result >= 0) waiter.resolve(core.lease(result))
    else waiter.reject(thrown(core.rejection(result)))
    this.#forget(waiter)
  }

  #forget(waiter) {
    clearTimeout(waiter.timer)
    this.#bySlot.delete(waiter.slot)
    if (waiter.signal !== undefined) this.#unlisten(waiter, waiter.signal)
  }

  /** One listener for all who share a signal: Node warns of more than ten. */
  #listen(waiter, signal) {
    waiter.signal = signal
    const group = this.#bySignal.get(signal)
    if (group !== undefined) {
      group.waiters.add(waiter)
      return
    }
    const waiters = new Set([waiter])
    const onAbort = () => {
      for (const one of [...waiters]) this.#cancel(one, signal.reason)
    }
    this.#bySignal.set(signal, { waiters, onAbort })
    try {
      signal.addEventListener('abort', onAbort, { once: true })
      // A strategy that is a function may have aborted it since the caller looked, and no event comes for that.
      if (signal.aborted) onAbort()
    } catch (error) {
      this.#cancel(waiter, error)
    }
  }

  #unlisten(waiter, signal) {
    const { waiters, onAbort } = this.#bySignal.get(signal)
    waiters.delete(waiter)
    if (waiters.size > 0) return
    this.#bySignal.delete(signal)
    try {
      signal.removeEventListener('abort', onAbort)
    } catch {
      // Somebody else's signal: its trouble must not keep the next waiter from its answer.
    }
  }

  #cancel(waiter, reason) {
    if (this.#bySlot.get(waiter.slot) !== waiter) return
    this.#core.ticket(waiter.slot, waiter.generation)
    this.#core.operations.cancel()
    waiter.reject(reason)
    this.#forget(waiter)
    // A seat that it had just been given has gone to the next.
    this.drainSoon()
  }

  /** It has been asked to look at another time. */
  #rearm(waiter, wait) {
    clearTimeout(waiter.timer)
    this.#arm(waiter, wait)
  }

  #arm(waiter, wait) {
    const delay = this.#timed ? Math.min(Math.max(Math.ceil(wait), 1), LONGEST) : LONGEST
    waiter.timer = setTimeout(() => this.#ask(waiter), delay)
  }

  #ask(waiter) {
    this.#core.ticket(waiter.slot, waiter.generation)
    const result = this.#core.operations.poll()
    if (result === WAITING) this.#arm(waiter, this.#core.floats[FIGURE])
    else if (result !== NOTHING) this.#settle(waiter, result)
  }
}

/** The longest time that a timer takes, in milliseconds. A manual clock's deadlines come by `advance`, not by timers. */
const LONGEST = 2 ** 31 - 1

module.exports = { Waiters }

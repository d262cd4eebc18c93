'use strict'

const { wrongType } = require('./arguments.cjs')
const { NativeEventCursor } = require('./native.cjs')

/** How far somebody has read a balancer's events. */
class EventCursor {
  #native = new NativeEventCursor()

  static native(cursor) {
    if (typeof cursor !== 'object' || cursor === null || !(#native in cursor)) throw wrongType('cursor', 'an EventCursor', cursor)
    return cursor.#native
  }
}

/** For this package alone: the class that users see keeps its native half to itself. */
const nativeCursor = EventCursor.native
delete EventCursor.native

module.exports = { EventCursor, nativeCursor }

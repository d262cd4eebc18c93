'use strict'

// The native half: the file that `npm run build` has put into this package, or else the package of this platform.

module.exports = load()

function load() {
  const errors = []
  for (const platform of platforms()) {
    for (const place of [`../tenantry.${platform}.node`, `@tenantry/native-${platform}`]) {
      try {
        return require(place)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  const cause = new AggregateError(errors, errors.map((error) => error.message.split('\n', 1)[0]).join('; '))
  throw new Error(`tenantry has no native half for ${process.platform} on ${process.arch}`, { cause })
}

/** Names as napi-rs gives them. On Linux the wrong C library's file does not load, and the next is tried. */
function platforms() {
  const name = `${process.platform}-${process.arch}`
  switch (process.platform) {
    case 'linux':
      return [`${name}-gnu`, `${name}-musl`]
    case 'win32':
      return [`${name}-msvc`]
    default:
      return [name]
  }
}

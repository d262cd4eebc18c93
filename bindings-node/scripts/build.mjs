// Builds the native half and puts it where `lib/native.cjs` looks for it. Arguments go to cargo:
//
//   node scripts/build.mjs --release

import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

const { status, stdout, error } = spawnSync(
  'cargo',
  ['build', '--package', 'tenantry-node', '--lib', '--message-format', 'json-render-diagnostics', ...process.argv.slice(2)],
  { cwd: PACKAGE, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 28 },
)
if (error) throw error
if (status !== 0) process.exit(status ?? 1)

const file = `${PACKAGE}tenantry.${platform()}.node`
// Renamed into place: a process that has the old file loaded keeps it.
copyFileSync(library(stdout), `${file}.new`)
renameSync(`${file}.new`, file)

/** Where cargo says that the library is, whatever its target folder. */
function library(messages) {
  const artifacts = messages.split('\n').filter(Boolean).map((line) => JSON.parse(line))
  const built = artifacts.find((one) => one.reason === 'compiler-artifact' && one.target.name === 'tenantry_node')
  const path = built?.filenames.find((name) => /\.(so|dylib|dll)$/.test(name))
  if (path === undefined) throw new Error('cargo has built no library')
  return path
}

function platform() {
  const name = `${process.platform}-${process.arch}`
  if (process.platform === 'win32') return `${name}-msvc`
  if (process.platform !== 'linux') return name
  return process.report.getReport().header.glibcVersionRuntime ? `${name}-gnu` : `${name}-musl`
}

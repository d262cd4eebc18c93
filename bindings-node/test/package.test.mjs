import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const USE = `
  const lb = new Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'] } }, tenants: { acme: {} } })
  const lease = lb.tryAcquire('acme')
  console.log(lease.address)
  lease.finish()
`

test('the tarball installs into an empty project, offline and without scripts, and works there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-'))
  const run = (command, ...rest) => execFileSync(command, rest, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: PACKAGE, stdio: 'ignore' })
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
    writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "version": "1.0.0", "private": true }')
    run('npm', 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${tarball}`)
    writeFileSync(join(folder, 'a.mjs'), `import { Balancer } from 'tenantry'${USE}`)
    writeFileSync(join(folder, 'b.cjs'), `const { Balancer } = require('tenantry')${USE}`)
    writeFileSync(join(folder, 'c.mts'), `import { Balancer } from 'tenantry'\nnew Balancer({}).nowNs() satisfies bigint\n`)
    for (const file of ['a.mjs', 'b.cjs']) assert.equal(run(process.execPath, file).trim(), 'http://10.0.0.1:80')
    const tsc = join(PACKAGE, 'node_modules', '.bin', 'tsc')
    const lib = ['--lib', 'es2022,dom,esnext.disposable']
    for (const module of [['nodenext'], ['esnext', '--moduleResolution', 'bundler']]) {
      run(tsc, '--noEmit', '--strict', '--target', 'es2022', ...lib, '--types', '', '--module', ...module, 'c.mts')
    }
    assert.throws(() => run(process.execPath, '-e', `require('tenantry/lib/core.cjs')`), /ERR_PACKAGE_PATH_NOT_EXPORTED/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

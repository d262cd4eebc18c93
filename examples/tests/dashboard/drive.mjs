// Opens the dashboard in headless Chromium, looks at it, and clicks: node drive.mjs CHROMIUM URL TOKEN ENDPOINT FOLDER SECONDS
// Speaks the DevTools protocol over a pipe. Says `loaded`, waits for a line (the load has ended), compares, acts, and says what it saw as one line of JSON.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const [chromium, url, token, endpoint, folder, seconds] = process.argv.slice(2)
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--remote-debugging-pipe', `--user-data-dir=${join(folder, 'profile')}`]
const browser = spawn(chromium, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
process.on('exit', () => browser.kill())

/* The protocol: JSON between zero bytes. */
const [, , , toBrowser, fromBrowser] = browser.stdio
const asked = new Map()
const problems = []
let asks = 0
let session
let rest = Buffer.alloc(0)
fromBrowser.on('data', (data) => {
  rest = Buffer.concat([rest, data])
  for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
    hear(JSON.parse(rest.subarray(0, end).toString()))
    rest = rest.subarray(end + 1)
  }
})
function hear({ id, result, error, method, params }) {
  if (id !== undefined) {
    const { resolve, reject } = asked.get(id)
    asked.delete(id)
    if (error) reject(new Error(error.message))
    else resolve(result)
  } else if (method === 'Runtime.exceptionThrown') problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text)
  else if (method === 'Log.entryAdded' && params.entry.level === 'error') problems.push(params.entry.text)
  else if (method === 'Page.javascriptDialogOpening') problems.push(`a script of somebody else's ran: ${params.message}`)
}
function ask(method, params = {}) {
  asks += 1
  const id = asks
  toBrowser.write(`${JSON.stringify({ id, method, params, sessionId: session })}\0`)
  return new Promise((resolve, reject) => asked.set(id, { resolve, reject }))
}
async function evaluate(expression) {
  const { result, exceptionDetails } = await ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
  if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`)
  return result.value
}
async function until(what, expression) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await evaluate(expression)) return
    await sleep(100)
  }
  throw new Error(`never: ${what}; the page says ${await evaluate('document.body.innerText')}; ${problems}`)
}
async function picture(scheme, name) {
  await ask('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
  await sleep(300)
  const { data } = await ask('Page.captureScreenshot', { format: 'png' })
  writeFileSync(join(folder, name), Buffer.from(data, 'base64'))
  return evaluate('getComputedStyle(document.body).backgroundColor')
}
async function type(text) {
  await ask('Input.insertText', { text })
}
async function press(key, code) {
  for (const kind of ['keyDown', 'keyUp']) await ask('Input.dispatchKeyEvent', { type: kind, key, code: key, windowsVirtualKeyCode: code, text: kind === 'keyDown' && key === 'Enter' ? '\r' : undefined })
}
async function click(selector) {
  const { x, y } = await evaluate(`(() => { const node = document.querySelector(${JSON.stringify(selector)}); node.scrollIntoView({ block: 'center' }); const { left, top, width, height } = node.getBoundingClientRect(); return { x: left + width / 2, y: top + height / 2 } })()`)
  for (const kind of ['mousePressed', 'mouseReleased']) await ask('Input.dispatchMouseEvent', { type: kind, x, y, button: 'left', clickCount: 1 })
}

/* What the page shows, and what /status says, of what does not change by itself. */
const SHOWN = `(() => {
  const rows = (table, fields) => Object.fromEntries([...document.getElementById(table).tBodies[0].rows].map((row) => [row.cells[0].textContent, fields.map((field) => row.querySelector('[data-field="' + field + '"]').textContent)]))
  return JSON.stringify({
    pools: rows('pools', ['waiting', 'retries', 'hedges', 'desired']),
    endpoints: rows('endpoints', ['weight', 'in_flight', 'completed', 'failed']),
    tenants: rows('tenants', ['weight', 'in_flight', 'waiting', 'completed', 'rejected']),
    seats: document.getElementById('seats').textContent,
  })
})()`
const TOLD = `fetch('status').then((answer) => answer.json()).then(({ pools, tenants }) => {
  const text = (numbers) => numbers.map((number) => number.toLocaleString('en'))
  const sum = (of) => pools.reduce((all, pool) => all + of(pool), 0).toLocaleString('en')
  return JSON.stringify({
    pools: Object.fromEntries(pools.map((pool) => [pool.name, text([pool.waiting, pool.retries.passed, pool.hedges.passed, pool.desired_endpoints])])),
    endpoints: Object.fromEntries(pools.flatMap((pool) => pool.endpoints.map((one) => [one.address, text([one.weight, one.in_flight, one.completed, one.failed])]))),
    tenants: Object.fromEntries(tenants.map((one) => [one.id, text([one.weight, one.in_flight, one.waiting, one.completed, one.rejected])])),
    seats: sum((pool) => pool.in_flight) + ' / ' + sum((pool) => pool.capacity),
  })
})`

try {
  const { targetId } = await ask('Target.createTarget', { url: 'about:blank' })
  session = (await ask('Target.attachToTarget', { targetId, flatten: true })).sessionId
  for (const domain of ['Page', 'Runtime', 'Log']) await ask(`${domain}.enable`)
  await ask('Emulation.setDeviceMetricsOverride', { width: 1360, height: 1080, deviceScaleFactor: 1, mobile: false })
  await ask('Page.navigate', { url })
  await until('figures', `document.querySelectorAll('#tenants tbody tr').length > 2 && document.querySelectorAll('#events li').length > 0`)
  await sleep(Number(seconds) * 1000)
  const light = await picture('light', 'dashboard.png')
  const dark = await picture('dark', 'dashboard-dark.png')
  const busy = { points: await evaluate(`document.querySelector('#pools svg polyline').getAttribute('points').split(' ').length`), requests: await evaluate(`document.getElementById('requests').textContent`) }
  console.log('loaded')
  await input.next()

  let shown
  let told
  for (let tries = 0; tries < 100 && (shown === undefined || shown !== told); tries += 1) {
    await sleep(200)
    told = await evaluate(TOLD)
    shown = await evaluate(SHOWN)
  }

  // A wrong token first, by the keyboard alone, then the right one.
  await evaluate(`document.getElementById('token').focus()`)
  await type('not the token, but as long')
  await press('Enter', 13)
  const button = `button[aria-label=${JSON.stringify(`Act on ${endpoint}`)}]`
  await click(button)
  await until('a dialog', `document.getElementById('act').open`)
  await click('#act-do')
  await until('a refusal', `document.getElementById('act-told').textContent !== ''`)
  const refused = await evaluate(`document.getElementById('act-told').textContent`)
  await press('Escape', 27)
  await until('no dialog', `!document.getElementById('act').open`)
  await evaluate(`document.getElementById('token').focus()`)
  await type(token)
  await press('Enter', 13)
  await click(button)
  await until('a dialog', `document.getElementById('act').open`)
  await click('#act-do')
  await until('draining', `[...document.querySelectorAll('#endpoints tbody tr')].some((row) => row.cells[0].textContent === ${JSON.stringify(endpoint)} && row.querySelector('[data-field="health"]').textContent.includes('draining'))`)

  const heard = await evaluate(`document.getElementById('news').textContent`)

  // Somebody is banned by the form, and let back in by the button of the row.
  await click('#ban-subject')
  await type('198.51.100.9')
  await press('Enter', 13)
  const banned = `[...document.querySelectorAll('#bans tbody tr')].map((row) => row.cells[0].textContent)`
  await until('a ban', `${banned}.includes('198.51.100.9')`)
  const bans = await evaluate(`fetch('status').then((answer) => answer.json()).then(({ guard }) => guard.bans.map((ban) => ban.subject))`)
  await click('button[aria-label="Unban 198.51.100.9"]')
  await until('no ban', `!${banned}.includes('198.51.100.9')`)
  const firing = await evaluate(`[...document.querySelectorAll('#alerts tbody tr')].map((row) => row.querySelector('[data-field="summary"]').textContent)`)

  const page = await evaluate(`({
    images: document.images.length,
    kept: localStorage.length + sessionStorage.length + document.cookie.length,
    tokens: document.documentElement.outerHTML.includes(${JSON.stringify(token)}) || document.getElementById('token').value !== '',
    unnamed: [...document.querySelectorAll('button, input, select, textarea')].filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length)).length,
    captions: [...document.querySelectorAll('table')].filter((table) => table.caption && [...table.querySelectorAll('th')].every((head) => head.scope)).length,
  })`)
  console.log(JSON.stringify({ light, dark, busy, shown: JSON.parse(shown), told: JSON.parse(told), refused, heard, bans, firing, page, problems }))
} catch (error) {
  console.log(JSON.stringify({ broken: String(error.stack ?? error), problems }))
}
await ask('Browser.close').catch(() => {})
process.exit(0)

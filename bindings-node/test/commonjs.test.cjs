'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')

const { Balancer, Lease } = require('tenantry')

test('CommonJS gets the same classes as ES modules', async () => {
  const esm = await import('tenantry')
  assert.equal(esm.Balancer, Balancer)
  const lb = new Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'] } }, tenants: { acme: {} } })
  const lease = await lb.acquire('acme')
  assert.ok(lease instanceof Lease)
  lease.finish()
})

// As `usage.mts`, for CommonJS: the package resolves to its own declarations there too.

import tenantry = require('tenantry')

const balancer: tenantry.Balancer = new tenantry.Balancer({ pools: { api: { endpoints: ['http://10.0.0.1:80'] } } })
const answer = balancer.tryAcquire('acme')
if (answer.ok) answer satisfies tenantry.Lease
else answer satisfies tenantry.Rejection

// @ts-expect-error no such name
tenantry.Balancr

export = balancer

import tenantry from './index.cjs'

export const { Balancer, ConfigError, EventCursor, HealthCheck, HealthChecks, Lease, LedgerError, ManualClock, Probe, Probes, Rejection, TenantHandle, VERSION, checkHealth } = tenantry
export default tenantry

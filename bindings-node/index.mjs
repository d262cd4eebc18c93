import tenantry from './index.cjs'

export const { Balancer, ConfigError, HealthCheck, HealthChecks, Lease, LedgerError, ManualClock, Probe, Probes, Rejection, VERSION, checkHealth } = tenantry
export default tenantry

import tenantry from './index.cjs'

export const {
  Backoff,
  Balancer,
  Begun,
  ConfigError,
  Discovery,
  EventCursor,
  HealthCheck,
  HealthChecks,
  Lease,
  LedgerError,
  ManualClock,
  Probe,
  Probes,
  Rejection,
  ServerLoad,
  TenantHandle,
  VERSION,
  checkHealth,
} = tenantry
export default tenantry

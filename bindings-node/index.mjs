import tenantry from './index.cjs'

export const { Balancer, ConfigError, Lease, ManualClock, Rejection, VERSION } = tenantry
export default tenantry

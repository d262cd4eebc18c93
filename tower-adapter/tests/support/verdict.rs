//! What a health check of a real server comes to.

use std::time::Duration;

use tenantry::{Balancer, CheckFailure, Config, Event, HealthCheckSpec, InitialHealth, PoolSpec};
use tenantry_tower::health::HealthChecker;
use tokio::time::{sleep, timeout};

/// Nothing takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// It passes, or why it does not.
pub(crate) type Verdict = Result<(), (CheckFailure, String)>;

/// What one check comes to. Of two pools with the same endpoint one tells of a success, and the other of a failure.
pub(crate) async fn verdict(
    address: &str,
    spec: HealthCheckSpec,
    with: impl FnOnce(HealthChecker) -> HealthChecker,
) -> Verdict {
    let spec = spec.with_every(Duration::from_millis(20)).with_rise(1).with_fall(1);
    let pool = |initial| PoolSpec::new([address]).with_health_check(spec.clone().with_initial(initial));
    let config = Config::new()
        .with_pool("down", pool(InitialHealth::Healthy))
        .with_pool("up", pool(InitialHealth::Unhealthy));
    let balancer = Balancer::new(config).unwrap();
    let _checking = with(HealthChecker::new(&balancer)).start();
    let seen = async {
        loop {
            for event in balancer.take_events() {
                match event {
                    Event::EndpointPassing { .. } => return Ok(()),
                    Event::EndpointFailing { reason, evidence, .. } => return Err((reason, evidence)),
                    _ => {}
                }
            }
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("a verdict")
}

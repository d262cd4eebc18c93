//! Files that are read again while the gateway serves, because somebody else renews them.

use std::time::Duration;

use tenantry_tower::tls::TlsError;
use tokio::{task::spawn_blocking, time::sleep};

/// Reads again as often as this, for as long as it is polled, and tells what came of it: whether there is anything new, or why it cannot be used. `path` is where the files are named.
pub(crate) async fn reread(
    path: String,
    reload: impl Fn() -> Result<bool, TlsError> + Clone + Send + 'static,
    every: Duration,
    tell: impl Fn(&str),
) {
    let mut last: Option<String> = None;
    loop {
        sleep(every).await;
        // A slow disk must not hold up who serves.
        let problem = match spawn_blocking(reload.clone()).await {
            Ok(Ok(false)) => None,
            Ok(Ok(true)) => {
                tell(&format!("{path}: what its files hold now is in force"));
                None
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) if error.is_cancelled() => return, // the runtime ends
            Err(error) => Some(error.to_string()),
        };
        // Told once, not every time.
        if let Some(problem) = problem.as_ref().filter(|problem| last.as_ref() != Some(*problem)) {
            tell(&format!("{path}: {problem}; what was in force before it stays"));
        }
        last = problem;
    }
}

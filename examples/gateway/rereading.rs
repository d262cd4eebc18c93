//! Files that are read again while the gateway serves, because somebody else renews them.

use std::{fs, io, path::Path, thread, time::Duration};

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

/// What a file holds once it has stopped changing: two readings some time apart agree, because half of a list may be a list, too. What is `used` already is not waited for.
/// It blocks.
pub(crate) fn settled(file: &Path, used: Option<&str>) -> io::Result<String> {
    let mut content = fs::read_to_string(file)?;
    for _ in 0..MOST_READINGS {
        if used == Some(&*content) {
            return Ok(content);
        }
        thread::sleep(SETTLING);
        let again = fs::read_to_string(file)?;
        if again == content {
            return Ok(content);
        }
        content = again;
    }
    Err(io::Error::other("it does not stop changing"))
}

/// As for files of endpoints.
const SETTLING: Duration = Duration::from_millis(100);
const MOST_READINGS: usize = 50;

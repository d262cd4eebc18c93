//! `top`: frames of a running gateway, one after the other.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use serde_json::Value;
use tokio::time::sleep;

use super::{
    ask::{AskError, ask},
    frame,
};
use crate::serve::Signals;

/// Shows the gateway whose admin pages are at `url`: in place on a terminal, one frame below the other elsewhere, until Ctrl-C; or one frame, `once`.
///
/// # Errors
/// When the gateway does not answer, or `out` cannot be written.
pub async fn top(
    url: &str,
    once: bool,
    every: Duration,
    out: &mut (impl Write + IsTerminal),
) -> Result<(), AskError> {
    if once {
        let shown = frame(&reading(url).await?, usize::MAX);
        return out.write_all(shown.as_bytes()).map_err(AskError::Write);
    }
    let mut signals = Signals::new().map_err(AskError::Write)?;
    let width = if out.is_terminal() { terminal_width() } else { usize::MAX };
    loop {
        let shown = frame(&reading(url).await?, width);
        // Home, each line to its end, and what was below it.
        let shown = if out.is_terminal() {
            format!("\x1b[H{}\x1b[J", shown.replace('\n', "\x1b[K\n"))
        } else {
            shown + "\n"
        };
        out.write_all(shown.as_bytes()).and_then(|()| out.flush()).map_err(AskError::Write)?;
        tokio::select! {
            () = sleep(every) => {}
            () = signals.next() => return Ok(()),
        }
    }
}

async fn reading(url: &str) -> Result<Value, AskError> {
    let (uri, body) = (url.parse().unwrap_or_default(), ask(url, "/status").await?);
    let status: Value =
        serde_json::from_slice(&body).map_err(|error| AskError::Strange(uri, error.to_string()))?;
    Ok(status)
}

/// What the terminal says, or what they have always been.
fn terminal_width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(80, |size| usize::from(size.ws_col).max(20))
}

//! What an endpoint has yet to get when its answer is there, or its end.

use std::time::Duration;

use tokio::{
    runtime::Handle,
    sync::oneshot::{self, Sender},
    time::timeout,
};

use super::{connection::Driver, upload::Watch};

/// Sends the rest of what the system would not take yet, in a task of its own, within [`LONGEST_SILENCE`]. No more requests go over its connection.
pub(super) fn send(driver: Driver) {
    // Without a runtime there is nobody to do it.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(timeout(LONGEST_SILENCE, driver));
    }
}

/// Sends the rest of the request, and reads the answer, in a task of its own, until the answer is read or wanted no longer, which dropping what comes back says, and after that as long as something of the request comes; what hyper has taken by then has [`LONGEST_SILENCE`].
pub(super) fn send_beside_answer(mut driver: Driver, watch: Watch) -> Answered {
    let (answered, read) = oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            _ = &mut driver => return,
            _ = read => {}
        }
        loop {
            let before = watch.standing();
            if timeout(LONGEST_SILENCE, &mut driver).await.is_ok() || watch.standing() == before {
                return;
            }
        }
    });
    answered
}

/// Dropped when nobody waits for more of an answer.
pub(super) type Answered = Sender<()>;

/// How long nothing of a request may come, and how long what hyper has taken of it may take.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

use std::pin::{Pin, pin};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tower::BoxError;

use super::{
    Limits,
    activity::{Activity, Verdict},
};

/// A connection that can be asked to end after what is in flight.
pub(super) trait Endable: Future<Output = Result<(), BoxError>> {
    fn end_soon(self: Pin<&mut Self>);
}

/// Drives a connection until it ends, is asked to end and does, or is too slow. An error is the connection's own.
pub(super) async fn supervise(
    connection: impl Endable,
    activity: &Activity,
    limits: &Limits,
    mut stopped: watch::Receiver<()>,
) -> Result<(), BoxError> {
    let mut connection = pin!(connection);
    let mut look = pin!(sleep_until(Instant::now() + limits.shortest()));
    let mut is_ending = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            _ = stopped.changed(), if !is_ending => {
                is_ending = true;
                connection.as_mut().end_soon();
            }
            () = look.as_mut() => {
                let now = Instant::now();
                activity.end_stalled(now);
                match activity.verdict(now) {
                    Verdict::Abort => return Ok(()),
                    Verdict::Close if is_ending => return Ok(()),
                    Verdict::Close => {
                        is_ending = true;
                        connection.as_mut().end_soon();
                    }
                    Verdict::Fine(_) => {}
                }
                look.as_mut().reset(next_look(activity.verdict(now), now, limits));
            }
        }
    }
}

/// As soon as something may be overdue. What begins after this look is looked at in the next one.
fn next_look(verdict: Verdict, now: Instant, limits: &Limits) -> Instant {
    let shortest = now + limits.shortest();
    match verdict {
        Verdict::Fine(Some(deadline)) => deadline.min(shortest),
        _ => shortest,
    }
}

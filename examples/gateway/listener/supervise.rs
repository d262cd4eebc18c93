use std::{
    future::poll_fn,
    iter,
    pin::{Pin, pin},
    task::{Poll, ready},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::{
    sync::watch,
    time::{Instant, Sleep, sleep_until},
};
use tower::BoxError;

use super::{
    Limits,
    activity::{Activity, Verdict},
};

/// A connection that can be asked to end after what is in flight.
pub(super) trait Endable: Future<Output = Result<(), Self::Error>> {
    type Error: Into<BoxError>;

    fn end_soon(self: Pin<&mut Self>);
}

/// What happens to a connection beside requests.
enum Event {
    Ended(Result<(), BoxError>),
    /// It is to end.
    Stopped,
    /// Something may be overdue.
    Due,
}

/// Drives a connection until it ends, is asked to end and does, or is too slow. An error is the connection's own.
pub(super) async fn supervise(
    connection: impl Endable,
    activity: &Activity,
    limits: &Limits,
    mut stopped: watch::Receiver<()>,
) -> Result<(), BoxError> {
    let mut connection = pin!(connection);
    let now = Instant::now();
    // It may have begun a while ago.
    let mut look = pin!(sleep_until(next_look(activity.verdict(now), now, limits)));
    let mut is_ending = false;
    loop {
        let event = {
            // A set of one: it is polled when it has something to say, and not with each request.
            let other = stopped_or_due(&mut stopped, is_ending, look.as_mut());
            let mut other: FuturesUnordered<_> = iter::once(other).collect();
            let next = poll_fn(|cx| match connection.as_mut().poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Event::Ended(ended.map_err(Into::into))),
                Poll::Pending => Poll::Ready(ready!(other.poll_next_unpin(cx)).expect("one is in it")),
            });
            next.await
        };
        match event {
            Event::Ended(ended) => return ended,
            Event::Stopped => {
                is_ending = true;
                connection.as_mut().end_soon();
            }
            Event::Due => {
                let now = Instant::now();
                activity.end_stalled(now);
                activity.doubt();
                if activity.is_to_end() && !is_ending {
                    is_ending = true;
                    connection.as_mut().end_soon();
                }
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

/// What else may happen to a connection than its end.
async fn stopped_or_due(stopped: &mut watch::Receiver<()>, is_ending: bool, look: Pin<&mut Sleep>) -> Event {
    tokio::select! {
        biased;
        _ = stopped.changed(), if !is_ending => Event::Stopped,
        () = look => Event::Due,
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

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, task::Context, time::Duration};

    use http::Version;
    use tenantry::Format;
    use tenantry_tower::proxy::Hangup;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::config::Document;

    /// Never ends; counts how often it is asked to.
    #[derive(Default)]
    struct Endless(u32);

    impl Future for Endless {
        type Output = Result<(), Infallible>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Pending
        }
    }

    impl Endable for &mut Endless {
        type Error = Infallible;

        fn end_soon(mut self: Pin<&mut Self>) {
            self.0 += 1;
        }
    }

    #[tokio::test]
    async fn what_is_in_flight_outlasts_all_that_a_connection_is_to_end_for() {
        let document =
            "[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway.limits]\nheader_timeout = \"10ms\"";
        let limits = Document::from_text(document, Format::Toml).unwrap().settings.limits();
        let activity = Activity::new(&limits, Hangup::new());
        let _in_flight = activity.begin(Version::HTTP_2);
        let (stop, stopped) = watch::channel(());
        let mut connection = Endless::default();
        let told = async {
            for _ in 0..3 {
                activity.end_soon();
                sleep(Duration::from_millis(50)).await;
            }
            stop.send(()).unwrap();
            activity.end_soon();
            sleep(Duration::from_millis(50)).await;
        };
        tokio::select! {
            ended = supervise(&mut connection, &activity, &limits, stopped) => panic!("{ended:?}"),
            told = timeout(Duration::from_secs(30), told) => told.unwrap(),
        }
        assert_eq!(connection.0, 1);
    }
}

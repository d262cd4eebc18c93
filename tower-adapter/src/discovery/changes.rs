//! Endpoints from tower's `Discover`, one change at a time.

use std::{
    any::type_name,
    collections::HashMap,
    fmt,
    future::{pending, poll_fn},
    hash::Hash,
    pin::Pin,
    task::{Context, Poll},
};

use tenantry::EndpointSpec;
use tower::{
    BoxError,
    discover::{Change, Discover},
};

use super::{DiscoveryError, Found, Source};

/// What any [`Discover`] inserts and removes by key; its services are endpoints, or can be made into them.
///
/// Changes that are there together become one update. An error is seen as a failure and changes nothing; the stream is asked on, after the back-off. A stream
/// that has ended has no more changes: what it has inserted stays.
pub struct FromDiscover<D: Discover> {
    discover: Pin<Box<D>>,
    /// With the number of the insertion: the order of the list.
    inserted: HashMap<D::Key, (u64, EndpointSpec)>,
    insertions: u64,
    /// Came right behind changes.
    error: Option<DiscoveryError>,
    has_ended: bool,
}

impl<D> FromDiscover<D>
where
    D: Discover,
    D::Key: Hash,
    D::Service: Into<EndpointSpec>,
    D::Error: Into<BoxError>,
{
    /// Nothing is inserted yet.
    pub fn new(discover: D) -> Self {
        Self {
            discover: Box::pin(discover),
            inserted: HashMap::new(),
            insertions: 0,
            error: None,
            has_ended: false,
        }
    }

    /// Takes all changes that are there.
    fn poll_changes(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DiscoveryError>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        let mut changes = 0;
        while changes < MOST_AT_ONCE && !self.has_ended {
            match self.discover.as_mut().poll_discover(cx) {
                Poll::Ready(Some(Ok(change))) => {
                    self.handle_change(change);
                    changes += 1;
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = DiscoveryError::other(error.into());
                    if changes == 0 {
                        return Poll::Ready(Err(error));
                    }
                    self.error = Some(error);
                    break;
                }
                Poll::Ready(None) => self.has_ended = true,
                Poll::Pending => break,
            }
        }
        if changes > 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn handle_change(&mut self, change: Change<D::Key, D::Service>) {
        match change {
            Change::Insert(key, service) => {
                let number = self.inserted.get(&key).map_or(self.insertions, |(number, _)| *number);
                self.insertions += 1;
                self.inserted.insert(key, (number, service.into()));
            }
            Change::Remove(key) => drop(self.inserted.remove(&key)),
        }
    }
}

impl<D> Source for FromDiscover<D>
where
    D: Discover + Send + 'static,
    D::Key: Hash + Send,
    D::Service: Into<EndpointSpec>,
    D::Error: Into<BoxError>,
{
    fn name(&self) -> String {
        let name = type_name::<D>();
        format!("discover {}", name.split('<').next().unwrap_or(name))
    }

    async fn find(&mut self) -> Result<Found, DiscoveryError> {
        if self.has_ended && self.error.is_none() {
            pending::<()>().await;
        }
        poll_fn(|cx| self.poll_changes(cx)).await?;
        let mut endpoints: Vec<_> = self.inserted.values().collect();
        endpoints.sort_unstable_by_key(|(number, _)| *number);
        Ok(Found::new(endpoints.into_iter().map(|(_, endpoint)| endpoint.clone())))
    }
}

impl<D: Discover> fmt::Debug for FromDiscover<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromDiscover")
            .field("inserted", &self.inserted.len())
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

/// A stream that always has another change must not keep its pool waiting for ever.
const MOST_AT_ONCE: usize = 10_000;

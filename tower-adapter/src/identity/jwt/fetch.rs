use std::{fmt::Display, future::Future, pin::Pin};

use bytes::Bytes;

use super::JwtError;

type Fetching = Pin<Box<dyn Future<Output = Result<Bytes, JwtError>> + Send>>;

/// Brings a key set.
pub(super) struct Fetch(Box<dyn Fn() -> Fetching + Send + Sync>);

impl Fetch {
    pub(super) fn new<F, Fut, E>(function: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Bytes, E>> + Send + 'static,
        E: Display,
    {
        Self(Box::new(move || {
            let fetching = function();
            Box::pin(async move {
                fetching.await.map_err(|error| JwtError::Fetch { problem: error.to_string().into() })
            })
        }))
    }

    pub(super) async fn fetch(&self) -> Result<Bytes, JwtError> {
        (self.0)().await
    }
}

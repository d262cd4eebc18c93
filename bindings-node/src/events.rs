//! What has happened, for several readers.

use std::cell::RefCell;

use napi::Result;
use napi_derive::napi;
use tenantry::EventCursor;

use crate::native::{NativeBalancer, json};

/// How far somebody has read the events.
#[napi]
#[derive(Debug, Default)]
pub struct NativeEventCursor {
    cursor: RefCell<EventCursor>,
}

#[napi]
impl NativeEventCursor {
    /// Before the oldest that is kept.
    #[napi(constructor, catch_unwind)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[napi]
impl NativeBalancer {
    /// What has happened since this was last asked, as JSON.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn take_events(&self) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.take_events()))
    }

    /// What has happened since the cursor was used last, as JSON.
    ///
    /// # Errors
    /// Never, as far as is known.
    #[napi(catch_unwind)]
    pub fn events_since(&self, cursor: &NativeEventCursor) -> Result<String> {
        json(serde_json::to_string(&self.state.balancer.events_since(&mut cursor.cursor.borrow_mut())))
    }
}

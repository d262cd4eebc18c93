//! What an action is: a name, and a function of its body.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::ActionError;

/// Does it, and says what was done.
pub(super) type Act = dyn Fn(&Map<String, Value>) -> Result<Value, ActionError> + Send + Sync;

/// One action.
#[derive(Clone)]
pub(super) struct Action(Arc<Act>);

impl Action {
    pub(super) fn new(
        act: impl Fn(&Map<String, Value>) -> Result<Value, ActionError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(act))
    }

    pub(super) fn act(&self, body: &Map<String, Value>) -> Result<Value, ActionError> {
        (self.0)(body)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Action(…)")
    }
}

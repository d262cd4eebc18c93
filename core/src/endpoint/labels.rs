//! What an endpoint has in common with others.

use crate::config::{CooldownScope, EndpointSpec};

/// Names that endpoints share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    credential: Option<Box<str>>,
    model: Option<Box<str>>,
}

impl Labels {
    /// Those of an endpoint that has any.
    pub(crate) fn of_spec(spec: &EndpointSpec) -> Option<Self> {
        let (credential, model) = (spec.credential().map(Box::from), spec.model().map(Box::from));
        (credential.is_some() || model.is_some()).then_some(Self { credential, model })
    }

    /// The one that counts in a scope.
    pub(crate) fn of(&self, scope: CooldownScope) -> Option<&str> {
        match scope {
            CooldownScope::Endpoint => None,
            CooldownScope::Credential => self.credential.as_deref(),
            CooldownScope::Model => self.model.as_deref(),
        }
    }
}

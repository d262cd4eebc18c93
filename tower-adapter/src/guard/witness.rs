use std::sync::{Arc, OnceLock};

use http::{Extensions, Method, StatusCode, Uri, request::Parts};

use super::{
    ClientNetwork, Guard,
    guard::Asked,
    offence::{Offence, shown},
};
use crate::tenant::TenantId;

/// Whose request it has turned out to be: what [`ByTenantLayer`](super::ByTenantLayer), within, tells [`GuardLayer`](super::GuardLayer).
#[derive(Clone, Debug, Default)]
pub(super) struct Proved(Arc<OnceLock<TenantId>>);

impl Proved {
    pub(super) fn tell(&self, tenant: &TenantId) {
        // Whoever is asked first knows best: there is one such layer.
        self.0.get_or_init(|| tenant.clone());
    }
}

/// What is kept of a request until its answer is there.
#[derive(Debug)]
pub(super) struct Witness {
    guard: Guard,
    client: Option<ClientNetwork>,
    credential: Option<u64>,
    is_known: bool,
    proved: Proved,
    method: Method,
    uri: Uri,
}

impl Witness {
    pub(super) fn new(
        guard: &Guard,
        (client, credential, is_known): (Option<ClientNetwork>, Option<u64>, bool),
        request: &mut Parts,
    ) -> Self {
        let proved = Proved::default();
        request.extensions.insert(proved.clone());
        let (method, uri) = (request.method.clone(), request.uri.clone());
        Self { guard: guard.clone(), client, credential, is_known, proved, method, uri }
    }

    /// Learns from the answer.
    pub(super) fn testify(self, status: StatusCode, extensions: &Extensions) {
        let Self { guard, client, credential, is_known, proved, method, uri } = self;
        let tenant = proved.0.get();
        if let Some(offence) = Offence::of(status, extensions, &uri) {
            let asked = Asked { client, tenant, credential };
            guard.charge(offence, &asked, &shown(offence, &method, &uri));
        } else if let (Some(client), Some(credential), Some(tenant), false) =
            (client, credential, tenant, is_known)
        {
            guard.remember(client, credential, tenant);
        }
    }
}

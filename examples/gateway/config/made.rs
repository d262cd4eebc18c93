//! What the `[gateway]` table comes to: the parts that serve, made of what it says.

use std::{collections::BTreeSet, path::Path};

use tenantry::Config;
use tenantry_tower::{guard::Guard, identity::Networks, route::Routes};

use super::settings::Settings;
use crate::{
    alert::Alarm,
    discovery,
    document_error::DocumentError,
    identify::Gate,
    routes,
    tls::Secure,
    transports::{self, Transports},
    unfit::Unfit,
};

/// Each as the table of [`Settings`] says that stands beside it.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// `proxy_protocol`.
    pub(super) proxies: Networks,
    /// `identify`.
    pub(super) gate: Gate,
    /// `forwarded`.
    pub(super) forwarding_hops: Networks,
    /// `routes`.
    pub(super) map: Routes,
    /// `guard`.
    pub(super) watch: Option<Guard>,
    /// `alert`.
    pub(super) alarm: Option<Alarm>,
    /// `tls`.
    pub(super) secure: Option<Secure>,
    /// `upstream`.
    pub(super) transports: Transports,
    /// `upstream`, and the pools' fallbacks.
    pub(super) hearing_grpc: BTreeSet<String>,
    /// The same.
    pub(super) reaching_http2: BTreeSet<String>,
}

impl Made {
    /// What these settings, which have routes, come to.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn of(settings: &Settings, balancer: &Config, folder: &Path) -> Result<Self, DocumentError> {
        let proxies = settings.proxy_protocol.as_ref().map(|table| table.proxies()).transpose()?;
        let map = routes::map(&settings.routes, balancer)?;
        let gate = settings.identify.as_ref().map(|identify| identify.gate(folder, settings.tls.as_ref()));
        let gate = gate.transpose()?.unwrap_or_default();
        let forwarding_hops = settings.forwarded.hops(&gate)?;
        let watch = settings.guard.as_ref().map(|table| table.guard(&gate)).transpose()?;
        if settings.alert.is_some() && settings.admin.is_none() {
            let fix = "write gateway.admin, too: its pages show what fires";
            return Err(Unfit::hidden("gateway.alert", fix).into());
        }
        let alarm = settings.alert.as_ref().map(|table| table.alarm(balancer, folder)).transpose()?;
        let secure = settings.tls.as_ref().map(|tls| tls.secure(folder)).transpose()?;
        let finds_tls = |pool: &str| discovery::wants_tls(&settings.discovery, pool);
        let transports = transports::transports(&settings.upstream, balancer, folder, finds_tls)?;
        Ok(Self {
            proxies: proxies.unwrap_or_default(),
            map: map.with_encoded_slashes(settings.encoded_slashes.into()),
            hearing_grpc: transports::hearing_grpc(&transports, balancer),
            reaching_http2: transports::reaching_http2(&transports, balancer),
            gate,
            forwarding_hops,
            watch,
            alarm,
            secure,
            transports,
        })
    }
}

impl Default for Made {
    /// Of a table in which nothing stands.
    fn default() -> Self {
        let gate = Gate::default();
        Self {
            proxies: Networks::default(),
            forwarding_hops: gate.hops().clone(),
            gate,
            map: Routes::default(),
            watch: None,
            alarm: None,
            secure: None,
            transports: Transports::new(),
            hearing_grpc: BTreeSet::new(),
            reaching_http2: BTreeSet::new(),
        }
    }
}

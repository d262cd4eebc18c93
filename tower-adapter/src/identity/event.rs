//! What is told of a refusal: never what the client sent.

use http::Extensions;
use tracing::info;

use super::Refusal;
use crate::proxy::Peer;

pub(super) fn refused(refusal: Refusal, extensions: &Extensions) {
    let peer = extensions.get::<Peer>().map(|peer| peer.address().ip().to_canonical());
    info!(
        target: "tenantry::identity",
        code = refusal.code(),
        scheme = refusal.scheme().map(tracing::field::debug),
        fault = refusal.fault().map(tracing::field::debug),
        peer = peer.map(tracing::field::display),
        "refused"
    );
}

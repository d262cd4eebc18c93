//! Names of the semantic conventions, and values within their bounds.

use http::{Method, Version};

pub(super) const METHOD: &str = "http.request.method";
pub(super) const STATUS: &str = "http.response.status_code";
pub(super) const GRPC_STATUS: &str = "rpc.grpc.status_code";
pub(super) const ROUTE: &str = "http.route";
pub(super) const PATH: &str = "url.path";
pub(super) const SCHEME: &str = "url.scheme";
pub(super) const CLIENT: &str = "client.address";
pub(super) const PROTOCOL_VERSION: &str = "network.protocol.version";
pub(super) const SERVER: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const ERROR: &str = "error.type";
pub(super) const TENANT: &str = "tenantry.tenant";
pub(super) const POOL: &str = "tenantry.pool";
pub(super) const ENDPOINT: &str = "tenantry.endpoint";
pub(super) const WAIT_MS: &str = "tenantry.wait_ms";
pub(super) const ATTEMPTS: &str = "tenantry.attempts";
pub(super) const OUTCOME: &str = "tenantry.outcome";
pub(super) const REASON: &str = "tenantry.reason";

/// A known method, or `_OTHER`: clients shall not make up any number of them.
pub(super) fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

pub(super) const fn protocol_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

//! Connections to endpoints, without TLS.

use hyper_util::client::legacy::connect::HttpConnector;

pub(super) type Connector = HttpConnector;

pub(super) fn plain(http: HttpConnector) -> Connector {
    http
}

use std::task::{Context, Poll};

use http::Uri;
use tower::Service;

use super::connector::Connector;

/// Connections to one endpoint, whatever authority a request names.
#[derive(Clone)]
pub(super) struct ConnectTo {
    connector: Connector,
    endpoint: Uri,
}

impl ConnectTo {
    /// Its name in TLS is the endpoint's, too.
    pub(super) const fn new(connector: Connector, endpoint: Uri) -> Self {
        Self { connector, endpoint }
    }
}

impl Service<Uri> for ConnectTo {
    type Response = <Connector as Service<Uri>>::Response;
    type Error = <Connector as Service<Uri>>::Error;
    type Future = <Connector as Service<Uri>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.connector.call(self.endpoint.clone())
    }
}

use std::{pin::Pin, sync::Arc, time::Duration};

use http::{Request, Response, Version};
use http_body::Body;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::BoxError;

use super::{
    Error, address,
    connector::{self, Connector},
    failure::Failure,
    http1::Http1,
    http2::Http2,
    response_body::ResponseBody,
    targets::Target,
    upload::Upload,
};

/// What a request becomes once it is sent.
pub(super) type Call = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Failure>> + Send>>;

/// How some endpoints are spoken to, and the connections to them, which clones share.
pub(super) struct Wire<B> {
    /// It knows the endpoints, whichever HTTP they hear.
    http1: Arc<Http1<B>>,
    /// In its stead, where they hear that.
    http2: Option<Arc<Http2>>,
    is_secure: bool,
}

impl<B> Wire<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// HTTP/1.1 without TLS.
    pub(super) fn plain() -> Self {
        Self::over_http1(connector::plain(http_connector()), false)
    }

    /// HTTP/1.1 over this connector.
    pub(super) fn over_http1(connector: Connector, is_secure: bool) -> Self {
        Self { http1: Arc::new(Http1::new(connector)), http2: None, is_secure }
    }

    /// HTTP/2 over this connector.
    #[cfg(feature = "tls")]
    pub(super) fn over_http2(connector: Connector, is_secure: bool) -> Self {
        Self {
            http2: Some(Arc::new(Http2::new(connector.clone()))),
            ..Self::over_http1(connector, is_secure)
        }
    }

    /// The endpoint of this address.
    ///
    /// # Errors
    /// [`Error::Address`] where it cannot be dialled so.
    pub(super) fn target(&self, address: &str) -> Result<Arc<Target<B>>, Error> {
        let target = self.http1.target(address)?;
        if target.is_secure() && !self.is_secure {
            return Err(address::unusable(address));
        }
        Ok(target)
    }

    /// Sends this over a connection that it may have to share where it is HTTP/2.
    pub(super) fn send(&self, target: Arc<Target<B>>, request: Request<Upload<B>>) -> Call {
        match &self.http2 {
            Some(http2) => http2.send(target, request),
            None => Arc::clone(&self.http1).send(target, request),
        }
    }

    /// Where HTTP/2 is spoken.
    pub(super) fn http2(&self) -> Option<&Http2> {
        self.http2.as_deref()
    }

    pub(super) const fn is_http2(&self) -> bool {
        self.http2.is_some()
    }

    /// What is spoken over them.
    pub(super) const fn version(&self) -> Version {
        if self.is_http2() { Version::HTTP_2 } else { Version::HTTP_11 }
    }
}

impl<B> Clone for Wire<B> {
    fn clone(&self) -> Self {
        Self { http1: Arc::clone(&self.http1), http2: self.http2.clone(), is_secure: self.is_secure }
    }
}

pub(crate) fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

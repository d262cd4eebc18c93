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
    targets::{Target, Targets},
    upload::Upload,
};

/// What a request becomes once it is sent.
pub(super) type Call = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Failure>> + Send>>;

/// How some endpoints are spoken to, and the connections to them, which clones share.
pub(super) struct Wire<B> {
    targets: Arc<Targets<B>>,
    http: Http<B>,
    is_secure: bool,
}

/// Which HTTP they hear.
enum Http<B> {
    One(Arc<Http1<B>>),
    Two(Arc<Http2>),
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
        let targets = Arc::<Targets<B>>::default();
        let http = Http::One(Arc::new(Http1::new(connector, Arc::clone(&targets))));
        Self { targets, http, is_secure }
    }

    /// HTTP/2 over this connector.
    #[cfg(feature = "tls")]
    pub(super) fn over_http2(connector: Connector, is_secure: bool) -> Self {
        Self { targets: Arc::default(), http: Http::Two(Arc::new(Http2::new(connector))), is_secure }
    }

    /// The endpoint of this address.
    ///
    /// # Errors
    /// [`Error::Address`] where it cannot be dialled so.
    pub(super) fn target(&self, address: &str) -> Result<Arc<Target<B>>, Error> {
        let target = self.targets.of(address)?;
        if target.is_secure() && !self.is_secure {
            return Err(address::unusable(address));
        }
        Ok(target)
    }

    /// Sends this over a connection that it may have to share where it is HTTP/2.
    pub(super) fn send(&self, target: Arc<Target<B>>, request: Request<Upload<B>>) -> Call {
        match &self.http {
            Http::One(http1) => Arc::clone(http1).send(target, request),
            Http::Two(http2) => http2.send(target, request),
        }
    }

    /// Where HTTP/2 is spoken.
    pub(super) fn http2(&self) -> Option<&Http2> {
        match &self.http {
            Http::One(_) => None,
            Http::Two(http2) => Some(http2),
        }
    }

    pub(super) const fn is_http2(&self) -> bool {
        matches!(self.http, Http::Two(_))
    }

    /// What is spoken over them.
    pub(super) const fn version(&self) -> Version {
        if self.is_http2() { Version::HTTP_2 } else { Version::HTTP_11 }
    }
}

impl<B> Clone for Http<B> {
    fn clone(&self) -> Self {
        match self {
            Self::One(http1) => Self::One(Arc::clone(http1)),
            Self::Two(http2) => Self::Two(Arc::clone(http2)),
        }
    }
}

impl<B> Clone for Wire<B> {
    fn clone(&self) -> Self {
        Self { targets: Arc::clone(&self.targets), http: self.http.clone(), is_secure: self.is_secure }
    }
}

pub(crate) fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

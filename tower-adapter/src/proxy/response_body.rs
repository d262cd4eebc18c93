use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use sync_wrapper::SyncWrapper;

use super::{connection::Driver, rest::Answered, trailers};

/// The body of an endpoint's answer, which comes as it is polled. Where it is dropped before its end has come, an HTTP/1.1 connection is closed, and a stream of HTTP/2 reset.
pub struct ResponseBody {
    // First: when both are dropped, the connection is to know that nobody wants more.
    incoming: Incoming,
    carried: Option<SyncWrapper<Carried>>,
}

/// By whom it comes, where that is nobody with a task of its own.
enum Carried {
    Here(Option<Box<dyn Carrier>>),
    Elsewhere(#[expect(dead_code, reason = "dropping it tells")] Answered),
}

/// A connection that moves only where it is polled.
pub(super) trait Carrier: Send {
    /// Reads and writes what it can.
    fn drive(&mut self, cx: &mut Context<'_>);

    /// Nothing more is wanted of it for this request.
    fn release(self: Box<Self>);

    /// What reads and writes until it is closed, or has become something else.
    fn driver(self: Box<Self>) -> Option<Driver>;
}

impl ResponseBody {
    pub(super) fn carried(incoming: Incoming, carrier: Box<dyn Carrier>) -> Self {
        Self { incoming, carried: Some(SyncWrapper::new(Carried::Here(Some(carrier)))) }
    }

    pub(super) fn carried_elsewhere(incoming: Incoming, answered: Answered) -> Self {
        Self { incoming, carried: Some(SyncWrapper::new(Carried::Elsewhere(answered))) }
    }

    /// What its connection reads and writes by, which it needs no longer.
    pub(super) fn driver(&mut self) -> Option<Driver> {
        self.carrier()?.take()?.driver()
    }

    fn carrier(&mut self) -> Option<&mut Option<Box<dyn Carrier>>> {
        match self.carried.as_mut()?.get_mut() {
            Carried::Here(carrier) => Some(carrier),
            Carried::Elsewhere(_) => None,
        }
    }
}

/// Of a connection that has a task of its own, or of an answer that is whole.
impl From<Incoming> for ResponseBody {
    fn from(incoming: Incoming) -> Self {
        Self { incoming, carried: None }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(Some(carrier)) = self.carrier()
        {
            carrier.drive(cx);
            polled = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        let polled = match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(trailers::pass_answers(frame).map(Ok)),
            polled => polled,
        };
        let is_more = matches!(&polled, Poll::Pending | Poll::Ready(Some(Ok(_))));
        if !is_more || self.incoming.is_end_stream() {
            self.carried = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let Self::Here(carrier) = self
            && let Some(carrier) = carrier.take()
        {
            carrier.release();
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseBody").field(&self.incoming).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::ResponseFuture;

    #[test]
    fn answers_can_be_boxed_like_any_others() {
        fn is_shared<T: Send + Sync + 'static>() {}
        is_shared::<ResponseBody>();
        is_shared::<ResponseFuture>();
    }
}

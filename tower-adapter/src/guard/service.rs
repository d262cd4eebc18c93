use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

use super::{Guard, ResponseFuture, error, witness::Witness};
use crate::grpc::is_grpc;

/// The service of [`GuardLayer`](super::GuardLayer).
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S> Guarded<S> {
    pub(super) const fn new(inner: S, guard: Guard) -> Self {
        Self { inner, guard }
    }
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { inner, guard } = self;
        let client = guard.policy().origin(request.headers(), request.extensions());
        let credential = guard.credential(request.headers());
        let is_known = match client.map(|client| guard.admit(client, credential)) {
            None => false,
            Some(Ok(is_known)) => is_known,
            Some(Err(banned)) => {
                let problem = error::client(banned);
                let is_grpc = is_grpc(request.headers());
                return ResponseFuture::refused(if is_grpc {
                    problem.into_grpc_response()
                } else {
                    problem.into_response()
                });
            }
        };
        let (mut parts, body) = request.into_parts();
        let witness = Witness::new(guard, (client, credential, is_known), &mut parts);
        ResponseFuture::calling(inner.call(Request::from_parts(parts, body)), witness)
    }
}

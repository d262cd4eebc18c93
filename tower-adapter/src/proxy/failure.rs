use tower::BoxError;

/// Why an endpoint gave no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no connection to it.
    Connect(BoxError),
    /// There was one.
    Broken(BoxError),
    /// There were several, of which it has closed each before it looked at the request.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only connections of HTTP/2 are closed so"))]
    Gone(BoxError),
}

use std::{convert::Infallible, error, io};

use hyper_util::client::legacy;
use tenantry::Rejection;

use super::{Error, Verdict};
use crate::{balance, proxy};

/// An error that says what it means for another attempt. For those that do not, there is
/// [`RetryLayer::classify`](super::RetryLayer::classify).
pub trait RetryableError {
    /// What it means.
    fn verdict(&self) -> Verdict;
}

impl RetryableError for Infallible {
    fn verdict(&self) -> Verdict {
        match *self {}
    }
}

/// A refusal; none of them has sent anything.
impl RetryableError for Rejection {
    fn verdict(&self) -> Verdict {
        if self.is_permanent() {
            return Verdict::Final;
        }
        Verdict::Refused { retry_after: self.retry_after() }
    }
}

impl<E: RetryableError> RetryableError for balance::Error<E> {
    fn verdict(&self) -> Verdict {
        match self {
            Self::MissingTenant => Verdict::Final,
            Self::Rejected(rejection) => rejection.verdict(),
            Self::Service(error) => error.verdict(),
        }
    }
}

impl RetryableError for proxy::Error {
    fn verdict(&self) -> Verdict {
        match self {
            // Another endpoint may be there, or have an address that can be used.
            Self::Connect(_) | Self::Address { .. } | Self::Unprocessed(_) => Verdict::Unsent,
            Self::Endpoint(_) | Self::TimedOut => Verdict::FAILED,
            // The client's doing, or the proxy's, or what the endpoint is.
            Self::NoEndpoint
            | Self::Host
            | Self::Tunnel
            | Self::ClientStalled
            | Self::BodyTooLarge(_)
            | Self::ClientGone(_)
            | Self::NoExtendedConnect(_)
            | Self::Switched => Verdict::Final,
        }
    }
}

/// Retries inside of others have done what there was to do.
impl<E> RetryableError for Error<E> {
    fn verdict(&self) -> Verdict {
        Verdict::Final
    }
}

impl RetryableError for legacy::Error {
    fn verdict(&self) -> Verdict {
        if self.is_connect() { Verdict::Unsent } else { by_cause(error::Error::source(self)) }
    }
}

impl RetryableError for hyper::Error {
    fn verdict(&self) -> Verdict {
        of_hyper(self)
    }
}

impl RetryableError for io::Error {
    fn verdict(&self) -> Verdict {
        of_io(self)
    }
}

/// By what is found among its causes: hyper's errors, and those of the operating system.
impl RetryableError for Box<dyn error::Error + Send + Sync> {
    fn verdict(&self) -> Verdict {
        by_cause(Some(&**self))
    }
}

fn by_cause(mut cause: Option<&(dyn error::Error + 'static)>) -> Verdict {
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<proxy::Error>() {
            return error.verdict();
        }
        if let Some(error) = error.downcast_ref::<legacy::Error>().filter(|error| error.is_connect()) {
            return error.verdict();
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return of_hyper(error);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return of_io(error);
        }
        if let Some(rejection) = error.downcast_ref::<Rejection>() {
            return rejection.verdict();
        }
        cause = error.source();
    }
    Verdict::Final
}

/// Whoever could not read the request's body, or make sense of it, will not next time.
fn of_hyper(error: &hyper::Error) -> Verdict {
    if error.is_user() { Verdict::Final } else { Verdict::FAILED }
}

fn of_io(error: &io::Error) -> Verdict {
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => Verdict::Unsent,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::TimedOut => Verdict::FAILED,
        _ => Verdict::Final,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_endpoint_has_seen_is_unsent_in_a_box_too() {
        let late = || proxy::Error::Connect(io::Error::from(io::ErrorKind::TimedOut).into());
        let boxed: Box<dyn error::Error + Send + Sync> = Box::new(late());
        assert_eq!((late().verdict(), boxed.verdict()), (Verdict::Unsent, Verdict::Unsent));
    }
}

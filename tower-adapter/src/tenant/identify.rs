use std::{any, fmt, marker::PhantomData};

use http::{HeaderName, request::Parts};

use super::TenantId;

/// A way to find out whose a request is.
pub trait Identify {
    /// The tenant's id, or `None` where this way finds none.
    fn identify(&self, request: &Parts) -> Option<TenantId>;
}

/// Reads the id from a header.
///
/// A request that carries the header twice names nobody: which of the two a program behind reads is anyone's guess, and
/// a guess is how one tenant spends another's share. Neither does one whose value is empty or not visible ASCII.
#[derive(Clone, Debug)]
pub struct Header {
    name: HeaderName,
}

impl Header {
    /// Reads the header of this name.
    #[must_use]
    pub const fn new(name: HeaderName) -> Self {
        Self { name }
    }
}

impl Identify for Header {
    fn identify(&self, request: &Parts) -> Option<TenantId> {
        let mut values = request.headers.get_all(&self.name).iter();
        let id = values.next()?.to_str().ok()?.trim();
        (values.next().is_none() && !id.is_empty()).then(|| TenantId::new(id))
    }
}

/// Reads the id from a value of type `T` that something before (an authentication layer, a TLS acceptor) put into the
/// request's extensions.
pub struct Extension<T> {
    marker: PhantomData<fn() -> T>,
}

impl<T> Extension<T> {
    pub(super) const fn new() -> Self {
        Self { marker: PhantomData }
    }
}

impl<T: AsRef<str> + Send + Sync + 'static> Identify for Extension<T> {
    fn identify(&self, request: &Parts) -> Option<TenantId> {
        let id = request.extensions.get::<T>()?.as_ref();
        (!id.is_empty()).then(|| TenantId::new(id))
    }
}

impl<T> Clone for Extension<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Extension<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extension<{}>", any::type_name::<T>())
    }
}

/// Asks a function.
#[derive(Clone)]
pub struct FromFn<F> {
    function: F,
}

impl<F> FromFn<F> {
    pub(super) const fn new(function: F) -> Self {
        Self { function }
    }
}

impl<F: Fn(&Parts) -> Option<TenantId>> Identify for FromFn<F> {
    fn identify(&self, request: &Parts) -> Option<TenantId> {
        (self.function)(request)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FromFn({})", any::type_name::<F>())
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn by_header(values: &[&str]) -> Option<TenantId> {
        let request =
            values.iter().fold(Request::builder(), |request, value| request.header("x-tenant", *value));
        Header::new(HeaderName::from_static("x-tenant")).identify(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_header_names_the_tenant() {
        assert_eq!(by_header(&["acme"]), Some(TenantId::new("acme")));
    }

    #[test]
    fn no_header_an_empty_one_and_two_name_nobody() {
        assert_eq!(by_header(&[]), None);
        assert_eq!(by_header(&[""]), None);
        assert_eq!(by_header(&["  "]), None);
        assert_eq!(by_header(&["acme", "acme"]), None);
    }

    #[test]
    fn bytes_that_are_not_visible_ascii_name_nobody() {
        assert_eq!(by_header(&["zürich"]), None);
    }

    #[test]
    fn an_extension_names_the_tenant() {
        let identify = Extension::<String>::new();
        let (mut parts, ()) = Request::new(()).into_parts();
        assert_eq!(identify.identify(&parts), None);
        parts.extensions.insert("acme".to_owned());
        assert_eq!(identify.identify(&parts), Some(TenantId::new("acme")));
    }
}

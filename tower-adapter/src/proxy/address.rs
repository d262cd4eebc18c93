//! From an endpoint's address and a request's target to what is dialled, and asked for.

use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};

use super::Error;

/// `http://host:port` or `host:port`: the part that is dialled.
pub(crate) fn authority(address: &str) -> Result<Authority, Error> {
    let rest = address.strip_prefix("http://").unwrap_or(address);
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    match authority.parse::<Authority>() {
        Ok(authority) if !authority.host().is_empty() && !authority.as_str().contains('@') => Ok(authority),
        _ => Err(unusable(address)),
    }
}

/// Of an address that cannot be dialled.
pub(super) fn unusable(address: &str) -> Error {
    Error::Address { address: without_credential(address).into() }
}

/// The same, or `https://host:port`.
pub(crate) fn endpoint(address: &str) -> Result<(Scheme, Authority), Error> {
    match address.strip_prefix("https://") {
        // Not `https://http://`.
        Some(rest) if !rest.contains("://") => Ok((Scheme::HTTPS, authority(rest)?)),
        _ => Ok((Scheme::HTTP, authority(address)?)),
    }
}

/// The same path and query, at the endpoint.
pub(crate) fn target(uri: Uri, (scheme, endpoint): (Scheme, Authority)) -> Uri {
    let mut parts = uri.into_parts();
    parts.scheme = Some(scheme);
    parts.authority = Some(endpoint);
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    Uri::from_parts(parts).expect("a URI with scheme, authority and path is whole")
}

/// The same path and query, of whichever server it is asked.
pub(super) fn origin(uri: Uri) -> Uri {
    if uri.authority().is_none() && uri.path_and_query().is_some() {
        return uri;
    }
    uri.into_parts().path_and_query.map_or_else(|| Uri::from_static("/"), Uri::from)
}

/// An address as it may be told: without what stands before an `@`, which may be a password.
pub(crate) fn without_credential(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_scheme_or_none() {
        for address in ["http://10.0.0.1:8080", "10.0.0.1:8080", "http://10.0.0.1:8080/"] {
            assert_eq!(authority(address).unwrap(), "10.0.0.1:8080", "{address}");
        }
        assert_eq!(authority("http://[::1]:80").unwrap(), "[::1]:80");
    }

    #[test]
    fn https_is_told_apart() {
        let (scheme, authority) = endpoint("https://10.0.0.1:8443/").unwrap();
        assert_eq!((scheme, authority.as_str()), (Scheme::HTTPS, "10.0.0.1:8443"));
        assert_eq!(endpoint("10.0.0.1:80").unwrap().0, Scheme::HTTP);
        for address in ["https://", "https://http://a:1", "https://a:1/base", "https://u:p@a:1", "ftp://a:1"]
        {
            assert!(matches!(endpoint(address), Err(Error::Address { .. })), "{address}");
        }
    }

    #[test]
    fn what_cannot_be_dialled_in_the_clear_is_refused() {
        for address in
            ["https://10.0.0.1", "http://10.0.0.1/base", "", "http://", "user:secret@host:1", "a b"]
        {
            assert!(matches!(authority(address), Err(Error::Address { .. })), "{address}");
        }
    }

    #[test]
    fn path_and_query_stay_as_they_came() {
        for (uri, expected) in [
            ("/a%2Fb/../c?x=%20&y", "/a%2Fb/../c?x=%20&y"),
            ("http://other.test/p?q", "/p?q"),
            ("http://other.test", "/"),
            ("*", "*"),
        ] {
            let target = target(uri.parse().unwrap(), endpoint("e:1").unwrap());
            assert_eq!(target.authority().unwrap(), "e:1", "{uri}");
            assert_eq!(target.path_and_query().unwrap(), expected, "{uri}");
            assert_eq!(origin(uri.parse().unwrap()), expected, "{uri}");
        }
    }
}

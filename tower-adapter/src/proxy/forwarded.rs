//! Who asked, and for what host: `Forwarded` (RFC 7239) and its older kin.

use std::net::IpAddr;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{Entry, FORWARDED},
    uri::Scheme,
};

use super::{Peer, peer::Told};
use crate::field::{self, begins_alike};

/// Takes out what a client says of who asked, and for what, that is to be believed of nobody.
pub(super) fn forget(headers: &mut HeaderMap) {
    field::remove(headers, |name| *name == FORWARDED || begins_alike(name, "x-forwarded-"));
}

/// Takes out what no hop writes, and CGI, WSGI or PHP would take for it: `x_forwarded_for`, `x-forwarded-client_cert`.
pub(super) fn forget_lookalikes(headers: &mut HeaderMap) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    field::remove(headers, |name| begins_alike(name, "x-forwarded-") && !name.as_str().bytes().all(is_plain));
}

/// Adds this hop: appends to the lists, and says what holds one value where no hop before has.
pub(super) fn add(headers: &mut HeaderMap, peer: Option<&Peer>, host: &HeaderValue) {
    let (element, client, scheme) = match peer {
        Some(peer) => {
            let Told { element, client, .. } = peer.told(host, || tell(peer, host));
            (element, Some(client), peer.scheme())
        }
        None => (element(None, host, &Scheme::HTTP), None, &Scheme::HTTP),
    };
    append(headers, FORWARDED, element);
    if let Some(client) = client {
        append(headers, X_FORWARDED_FOR, client);
    }
    headers.entry(X_FORWARDED_HOST).or_insert_with(|| host.clone());
    headers.entry(X_FORWARDED_PROTO).or_insert_with(|| value(scheme));
}

fn tell(peer: &Peer, host: &HeaderValue) -> Told {
    // An IPv4 address that came through an IPv6 socket is an IPv4 address.
    let address = peer.address().ip().to_canonical();
    let element = element(Some(address), host, peer.scheme());
    // A copy: the client's own is a part of all that was read with it.
    let host = HeaderValue::from_bytes(host.as_bytes()).expect("it was one before");
    Told { host, element, client: visible(address.to_string()) }
}

fn value(scheme: &Scheme) -> HeaderValue {
    match scheme.as_str() {
        "http" => HeaderValue::from_static("http"),
        "https" => HeaderValue::from_static("https"),
        other => HeaderValue::from_str(other).expect("a scheme is made of letters, digits, + - ."),
    }
}

/// `for=192.0.2.43;host=api.test;proto=https`.
fn element(client: Option<IpAddr>, host: &HeaderValue, scheme: &Scheme) -> HeaderValue {
    let client = match client {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("\"[{address}]\""),
    };
    let mut element = format!("for={client};host=").into_bytes();
    push_quoted(&mut element, host.as_bytes());
    element.extend_from_slice(b";proto=");
    element.extend_from_slice(scheme.as_str().as_bytes());
    visible(element)
}

fn visible(text: impl Into<Bytes>) -> HeaderValue {
    HeaderValue::from_maybe_shared(text.into()).expect("values of headers and what joins them make one")
}

/// As it is where it is a token, as a quoted-string where it is not (a port's colon suffices).
fn push_quoted(list: &mut Vec<u8>, value: &[u8]) {
    if !value.is_empty() && value.iter().copied().all(is_token) {
        return list.extend_from_slice(value);
    }
    list.push(b'"');
    for byte in value {
        if matches!(byte, b'"' | b'\\') {
            list.push(b'\\');
        }
        list.push(*byte);
    }
    list.push(b'"');
}

/// RFC 9110 §5.6.2: `tchar`.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Adds an element to the end of the one list that all fields of this name make.
fn append(headers: &mut HeaderMap, name: HeaderName, element: HeaderValue) {
    match headers.entry(name) {
        Entry::Vacant(entry) => drop(entry.insert(element)),
        Entry::Occupied(mut entry) => {
            let mut list: Vec<&[u8]> = entry.iter().map(HeaderValue::as_bytes).collect();
            list.push(element.as_bytes());
            let list = visible(list.join(&b", "[..]));
            entry.insert_mult(list);
        }
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(
        before: &[(&'static str, &'static str)],
        peer: Option<&str>,
        host: &'static str,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in before {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let peer = peer.map(|address| Peer::new(address.parse().unwrap()));
        add(&mut headers, peer.as_ref(), &HeaderValue::from_static(host));
        headers
    }

    #[test]
    fn tells_the_client_the_host_and_the_scheme() {
        let headers = forwarded(&[], Some("192.0.2.43:47011"), "api.test");
        assert_eq!(headers["forwarded"], "for=192.0.2.43;host=api.test;proto=http");
        assert_eq!(headers["x-forwarded-for"], "192.0.2.43");
        assert_eq!(headers["x-forwarded-host"], "api.test");
        assert_eq!(headers["x-forwarded-proto"], "http");
    }

    #[test]
    fn quotes_what_is_no_token() {
        let headers = forwarded(&[], Some("[2001:db8::1]:47011"), "api.test:8080");
        assert_eq!(headers["forwarded"], r#"for="[2001:db8::1]";host="api.test:8080";proto=http"#);
        assert_eq!(headers["x-forwarded-for"], "2001:db8::1");
        let headers = forwarded(&[], None, r#"a"b\c"#);
        assert_eq!(headers["forwarded"], r#"for=unknown;host="a\"b\\c";proto=http"#);
    }

    #[test]
    fn an_ipv4_client_on_an_ipv6_socket_is_an_ipv4_client() {
        let headers = forwarded(&[], Some("[::ffff:192.0.2.43]:47011"), "h");
        assert_eq!(headers["forwarded"], "for=192.0.2.43;host=h;proto=http");
    }

    #[test]
    fn appends_to_the_chain_however_many_fields_hold_it() {
        let before = [("x-forwarded-for", "203.0.113.7, 198.51.100.2"), ("x-forwarded-for", "10.0.0.9")];
        let headers = forwarded(&before, Some("192.0.2.43:1"), "h");
        let chain: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        assert_eq!(chain, ["203.0.113.7, 198.51.100.2, 10.0.0.9, 192.0.2.43"]);
        let headers = forwarded(&[("forwarded", "for=203.0.113.7;proto=https")], Some("192.0.2.43:1"), "h");
        assert_eq!(headers["forwarded"], "for=203.0.113.7;proto=https, for=192.0.2.43;host=h;proto=http");
    }

    #[test]
    fn what_was_told_of_another_host_is_not_told_again() {
        let peer = Peer::new("192.0.2.43:1".parse().unwrap());
        for host in ["a.test", "a.test", "b.test:81", "a.test"] {
            let mut headers = HeaderMap::new();
            add(&mut headers, Some(&peer), &HeaderValue::from_static(host));
            let told = headers["forwarded"].to_str().unwrap().replace('"', "");
            assert_eq!(told, format!("for=192.0.2.43;host={host};proto=http"));
            let secure = peer.clone().with_scheme(Scheme::HTTPS);
            add(&mut headers, Some(&secure), &HeaderValue::from_static(host));
            assert!(headers["forwarded"].to_str().unwrap().ends_with(";proto=https"));
        }
    }

    #[test]
    fn what_a_hop_before_has_told_of_scheme_and_host_stays() {
        let headers =
            forwarded(&[("x-forwarded-proto", "https"), ("x-forwarded-host", "bank.test")], None, "h");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "bank.test");
        assert_eq!(headers["forwarded"], "for=unknown;host=h;proto=http");
        assert_eq!(headers.get("x-forwarded-for"), None);
    }

    #[test]
    fn what_looks_like_it_is_forgotten_whoever_sends_it() {
        let mut headers = HeaderMap::new();
        let own = ["x-forwarded-for", "x-forwarded-client-cert", "x_other"];
        let others = ["x_forwarded_for", "x-forwarded_proto", "x-forwarded-client_cert", "x-forwarded-for~"];
        for name in own.into_iter().chain(others) {
            headers.insert(name, HeaderValue::from_static("v"));
        }
        forget_lookalikes(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), own);
    }

    #[test]
    fn what_a_stranger_tells_is_forgotten() {
        let names =
            ["forwarded", "x-forwarded-for", "x-forwarded-client-cert", "x_forwarded_proto", "x-forward"];
        let mut headers: HeaderMap = names
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v")))
            .into_iter()
            .collect();
        forget(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-forward"]);
    }
}

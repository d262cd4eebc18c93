//! Who asked, and for what host: `Forwarded` (RFC 7239) and its older kin.

use std::net::IpAddr;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{Entry, FORWARDED},
    uri::Scheme,
};

use super::Peer;

/// Adds this hop: appends to the lists, overwrites what holds one value.
pub(super) fn add(headers: &mut HeaderMap, peer: Option<&Peer>, host: &HeaderValue) {
    let scheme = peer.map_or(&Scheme::HTTP, Peer::scheme);
    // An IPv4 address that came through an IPv6 socket is an IPv4 address.
    let client = peer.map(|peer| peer.address().ip().to_canonical());
    append(headers, FORWARDED, |list| push_element(list, client, host, scheme));
    if let Some(client) = client {
        append(headers, X_FORWARDED_FOR, |list| push_address(list, client));
    }
    headers.insert(X_FORWARDED_HOST, host.clone());
    headers.insert(X_FORWARDED_PROTO, value(scheme));
}

fn value(scheme: &Scheme) -> HeaderValue {
    match scheme.as_str() {
        "http" => HeaderValue::from_static("http"),
        "https" => HeaderValue::from_static("https"),
        other => HeaderValue::from_str(other).expect("a scheme is made of letters, digits, + - ."),
    }
}

/// `for=192.0.2.43;host=api.test;proto=https`.
fn push_element(list: &mut Vec<u8>, client: Option<IpAddr>, host: &HeaderValue, scheme: &Scheme) {
    list.extend_from_slice(b"for=");
    match client {
        None => list.extend_from_slice(b"unknown"),
        Some(address @ IpAddr::V4(_)) => push_address(list, address),
        Some(address @ IpAddr::V6(_)) => {
            list.extend_from_slice(b"\"[");
            push_address(list, address);
            list.extend_from_slice(b"]\"");
        }
    }
    list.extend_from_slice(b";host=");
    push_quoted(list, host.as_bytes());
    list.extend_from_slice(b";proto=");
    list.extend_from_slice(scheme.as_str().as_bytes());
}

/// As its `Display`; the usual kind without the formatter, which every request would go through twice.
fn push_address(list: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let mut digits = itoa::Buffer::new();
            for (place, octet) in address.octets().into_iter().enumerate() {
                let dot: &[u8] = if place == 0 { b"" } else { b"." };
                list.extend_from_slice(dot);
                list.extend_from_slice(digits.format(octet).as_bytes());
            }
        }
        IpAddr::V6(address) => list.extend_from_slice(address.to_string().as_bytes()),
    }
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
fn append(headers: &mut HeaderMap, name: HeaderName, push: impl FnOnce(&mut Vec<u8>)) {
    let mut list = Vec::with_capacity(ONE_ELEMENT);
    let entry = headers.entry(name);
    if let Entry::Occupied(before) = &entry {
        for value in before {
            list.extend_from_slice(value.as_bytes());
            list.extend_from_slice(b", ");
        }
    }
    push(&mut list);
    let list = HeaderValue::from_maybe_shared(Bytes::from(list));
    let list = list.expect("values of headers, joined by commas, make one");
    match entry {
        Entry::Vacant(entry) => drop(entry.insert(list)),
        Entry::Occupied(mut entry) => drop(entry.insert_mult(list)),
    }
}

/// Bytes that most lists of one element fit into.
const ONE_ELEMENT: usize = 96;
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
    fn a_client_cannot_invent_the_scheme_or_the_host() {
        let headers =
            forwarded(&[("x-forwarded-proto", "https"), ("x-forwarded-host", "bank.test")], None, "h");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "h");
        assert_eq!(headers.get("x-forwarded-for"), None);
    }
}

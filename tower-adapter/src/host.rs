//! The host that a request is for: read in one way by whoever asks, so that what a rule is compared with is what an endpoint is sent.

use std::net::Ipv6Addr;

use http::{header::HOST, request::Parts};

/// A name or an address, and a port where one is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Host<'a> {
    text: &'a str,
    name: &'a str,
}

/// It names several, or what is none: servers would read it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl<'a> Host<'a> {
    /// The one that a request names: its target's, or else its `Host` field's (RFC 9112 §3.2.2); `None` where neither is there, or the field is empty, as it is to be where the target has no authority (§3.2).
    pub(crate) fn of(request: &'a Parts) -> Result<Option<Self>, Ambiguous> {
        let mut fields = request.headers.get_all(HOST).iter();
        let field = fields.next();
        if fields.next().is_some() {
            return Err(Ambiguous);
        }
        let text = match request.uri.authority() {
            // RFC 9110 §4.2.4: who the user is, is nobody's business here.
            Some(authority) => authority.as_str().rsplit('@').next(),
            None => field
                .map(|field| field.to_str().map_err(|_| Ambiguous))
                .transpose()?
                .filter(|text| !text.is_empty()),
        };
        text.map(|text| Self::new(text).ok_or(Ambiguous)).transpose()
    }

    /// Reads `name`, `name:port`, `[address]` or `[address]:port`. Narrower than RFC 3986: no escapes and none of the signs that servers stop at, or skip.
    pub(crate) fn new(text: &'a str) -> Option<Self> {
        // By bytes: every request comes by here.
        let first = |sign: u8| text.bytes().position(|byte| byte == sign);
        let end = if text.starts_with('[') { first(b']')? + 1 } else { first(b':').unwrap_or(text.len()) };
        let (name, port) = text.split_at(end);
        let is_port = port.is_empty()
            || port.strip_prefix(':').is_some_and(|digits| {
                digits.bytes().all(|byte| byte.is_ascii_digit())
                    && (digits.is_empty() || digits.parse::<u16>().is_ok())
            });
        (is_port && (is_name(name) || address(name).is_some())).then_some(Self { text, name })
    }

    /// As it was written, with its port.
    pub(crate) const fn as_str(self) -> &'a str {
        self.text
    }

    /// Whether a port is said.
    pub(crate) const fn has_port(self) -> bool {
        self.name.len() < self.text.len()
    }

    /// In the one form that is compared: in lower case, without a port, without the root's dot, an IPv6 address as RFC 5952 writes it.
    pub(crate) fn normal(self) -> String {
        address(self.name).map_or_else(
            || self.name.strip_suffix('.').unwrap_or(self.name).to_ascii_lowercase(),
            |address| format!("[{address}]"),
        )
    }
}

/// Labels between dots; one more dot at the end is the root's.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut begins = true;
    let mut goes_on = |byte: u8| {
        let ends = byte == b'.';
        let is_right = if ends { !begins } else { is_plain(byte) };
        begins = ends;
        is_right
    };
    name.strip_suffix('.').unwrap_or(name).bytes().all(&mut goes_on) && !begins
}

fn address(name: &str) -> Option<Ipv6Addr> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_write_a_host_have_one_normal_form() {
        for (text, normal) in [
            ("api.test", "api.test"),
            ("API.test:8080", "api.test"),
            ("api.test.", "api.test"),
            ("api.test.:80", "api.test"),
            ("api.test:", "api.test"),
            ("a_b-c.test", "a_b-c.test"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[0:0::0:1]:8080", "[::1]"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
        ] {
            let host = Host::new(text).unwrap();
            assert_eq!((host.as_str(), host.normal().as_str()), (text, normal));
        }
    }

    #[test]
    fn what_servers_read_differently_is_none() {
        for text in [
            "",
            ".",
            "api.test..",
            ".api.test",
            "a..b",
            "api.test:80:90",
            "api.test:x",
            "api.test:-1",
            "api.test:65536",
            ":80",
            "%61pi.test",
            "api.test%00",
            "api.test;x",
            "api.test,",
            "api.test!",
            "a b",
            "user@api.test",
            "api.test/x",
            "api.test\\",
            "[api.test]",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:80:90",
            "[fe80::1%25eth0]",
            "[v1.x]",
            "äpi.test",
        ] {
            assert_eq!(Host::new(text), None, "{text:?}");
        }
    }
}

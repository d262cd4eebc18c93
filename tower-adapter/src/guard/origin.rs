//! Whose address counts.

use std::net::IpAddr;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

use super::{ClientNetwork, GuardPolicy};
use crate::proxy::Peer;

impl GuardPolicy {
    /// Who sent it: the peer of the connection, or, where that is a trusted hop, what the hops say, read from the right as far as they are trusted. `None` where
    /// that is nobody, or somebody on the list of the allowed: a hop itself is never watched, and what an untrusted peer writes in a header counts for nothing.
    pub(super) fn origin(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<ClientNetwork> {
        let peer = extensions.get::<Peer>()?.address().ip();
        let client = if self.hops.contains(peer) { self.told(headers)? } else { peer };
        (!self.allowed.contains(client)).then(|| ClientNetwork::of(client))
    }

    fn told(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all(&self.address_header).iter().collect::<Vec<_>>();
        let entries = lines.into_iter().rev().flat_map(|line| entries(line).rev().collect::<Vec<_>>());
        for entry in entries {
            // What a trusted hop passes on and nobody can read says nothing; neither does what stands before it.
            let address = address(entry?)?;
            if !self.hops.contains(address) {
                return Some(address);
            }
        }
        None
    }
}

fn entries(line: &HeaderValue) -> impl DoubleEndedIterator<Item = Option<&str>> {
    line.as_bytes().split(|byte| *byte == b',').map(|entry| str::from_utf8(entry).ok().map(str::trim))
}

/// An address, perhaps with a port, as proxies write it.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let with_port = || entry.parse().map(|address: std::net::SocketAddr| address.ip());
    bare.parse().or_else(|_| with_port()).ok()
}

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Networks;

    fn origin(peer: Option<&str>, lines: &[&'static str]) -> Option<String> {
        let policy = GuardPolicy::new()
            .with_trusted_hops(Networks::parse(["10.0.0.0/8", "::1"]).unwrap())
            .with_allowed_networks(Networks::parse(["203.0.113.0/24"]).unwrap());
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        if let Some(peer) = peer {
            extensions.insert(Peer::new(peer.parse().unwrap()));
        }
        policy.origin(&headers, &extensions).map(|network| network.to_string())
    }

    fn is(peer: &str, lines: &[&'static str], expected: &str) {
        assert_eq!(origin(Some(peer), lines).as_deref(), Some(expected), "{peer} {lines:?}");
    }

    #[test]
    fn what_strangers_write_counts_for_nothing() {
        is("192.0.2.1:4711", &[], "192.0.2.1");
        is("192.0.2.1:4711", &["198.51.100.1"], "192.0.2.1");
        is("[2001:db8::7]:1", &["10.0.0.1"], "2001:db8::/64");
    }

    #[test]
    fn hops_are_believed_from_the_right_as_far_as_they_are_trusted() {
        is("10.0.0.1:1", &["198.51.100.1"], "198.51.100.1");
        is("10.0.0.1:1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1");
        is("10.0.0.1:1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1");
        is("10.0.0.1:1", &["6.6.6.6", "198.51.100.1 ,10.0.0.2"], "198.51.100.1");
        is("[::1]:1", &["junk, 198.51.100.1:4711"], "198.51.100.1");
        is("10.0.0.1:1", &["[2001:db8::1]:4711"], "2001:db8::/64");
        is("10.0.0.1:1", &["[2001:db8::1]"], "2001:db8::/64");
    }

    #[test]
    fn a_hop_itself_and_whom_nobody_can_tell_are_not_watched() {
        for (peer, lines) in [
            (None, &[][..]),
            (Some("10.0.0.1:1"), &[]),
            (Some("10.0.0.1:1"), &["10.0.0.7"]),
            (Some("10.0.0.1:1"), &["6.6.6.6, unknown"]),
            (Some("10.0.0.1:1"), &["6.6.6.6, \u{e9}"]),
            (Some("10.0.0.1:1"), &[""]),
            (Some("203.0.113.9:1"), &[]),
            (Some("10.0.0.1:1"), &["203.0.113.9"]),
        ] {
            assert_eq!(origin(peer, lines), None, "{peer:?} {lines:?}");
        }
    }
}

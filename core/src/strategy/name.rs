//! What of an endpoint's address is hashed: host and port, as the servers hash it whose answers we give.
//!
//! Source: nginx's `ngx_http_upstream_hash_module` (what a `server` directive says, without `unix:`; the port is what follows the
//! last colon, if only digits do) and Envoy's default hash key, `host:port`. *Where we differ*: addresses are URLs here, so
//! scheme, user, path and query are taken off first. What is not written is not added: `http://a` hashes as nginx's `server a`.

/// Host and port, or the path of a Unix socket.
pub(super) fn authority(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    if let Some(path) = unix_path(rest) {
        return path;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Host and port apart; the port is empty where there is none.
pub(super) fn host_and_port(address: &str) -> (&str, &str) {
    let authority = authority(address);
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    match authority.rsplit_once(':') {
        Some((host, port)) if digits(port) && !authority.starts_with('/') => (host, port),
        _ => (authority, ""),
    }
}

fn unix_path(rest: &str) -> Option<&str> {
    let (scheme, path) = rest.split_at_checked("unix:".len())?;
    scheme.eq_ignore_ascii_case("unix:").then_some(path)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_as_nginx_splits_a_server() {
        for (address, host, port) in [
            ("http://127.0.0.1:19001", "127.0.0.1", "19001"),
            ("https://user:secret@a.example:443/path:80?q=a:1#f", "a.example", "443"),
            ("127.0.0.1:19001", "127.0.0.1", "19001"),
            ("http://a.example", "a.example", ""),
            ("http://[2001:db8::1]:8080/", "[2001:db8::1]", "8080"),
            ("http://[2001:db8::1]/", "[2001:db8::1]", ""),
            ("http://a.example:/", "a.example", ""),
            ("unix:/run/app.sock", "/run/app.sock", ""),
            ("http://unix:/run/app:80", "/run/app:80", ""),
            ("UNIX:/run/app.sock", "/run/app.sock", ""),
            ("a", "a", ""),
            ("é:1", "é", "1"),
        ] {
            assert_eq!(host_and_port(address), (host, port), "{address}");
        }
        assert_eq!(authority("https://a.example:8443/x"), "a.example:8443");
    }
}

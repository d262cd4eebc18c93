//! Places that scanners look for.

/// Whether a path ends in, or leads through, a place that no client of an API has business at: secrets, repositories, and the doors of other people's programs.
pub(super) fn is_probe(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.any(|segment| {
        let is = |place: &&str| segment.eq_ignore_ascii_case(place);
        PLACES.iter().any(is) || PREFIXES.iter().any(|prefix| starts(segment, prefix))
    })
}

fn starts(segment: &str, prefix: &str) -> bool {
    segment.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

const PLACES: [&str; 20] = [
    ".git",
    ".svn",
    ".hg",
    ".aws",
    ".ssh",
    ".htpasswd",
    ".htaccess",
    ".DS_Store",
    ".vscode",
    "wp-login.php",
    "wp-admin",
    "wp-content",
    "xmlrpc.php",
    "phpmyadmin",
    "phpinfo.php",
    "cgi-bin",
    "actuator",
    "server-status",
    "jmx-console",
    "etc",
];

const PREFIXES: [&str; 4] = [".env", "wp-config", "id_rsa", "backup."];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_them_by_whole_segments() {
        for path in
            ["/.env", "/.env.local", "/app/.git/config", "/WP-Admin/", "/wp-config.php.bak", "/cgi-bin/luci"]
        {
            assert!(is_probe(path), "{path}");
        }
        for path in ["/", "/v1/environments", "/orders/7", "/git", "/.well-known/acme-challenge/x", "/é"] {
            assert!(!is_probe(path), "{path}");
        }
    }
}

//! As much as is told of what clients write at any length.

use http::Uri;

/// A target's path, without the query.
pub(crate) fn short_path(uri: &Uri) -> String {
    uri.path().chars().take(LONGEST_PATH).collect()
}

/// As much of an id as a tenant's may be long: what clients send is longer at times.
pub(crate) fn short_tenant(id: &str) -> &str {
    let end = (0..=id.len().min(LONGEST_TENANT)).rev().find(|end| id.is_char_boundary(*end));
    &id[..end.unwrap_or(0)]
}

/// In bytes, the core's bound.
const LONGEST_TENANT: usize = 255;

const LONGEST_PATH: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_as_far_as_one_may_be_long() {
        assert_eq!(short_tenant("acme"), "acme");
        assert_eq!(short_tenant(&"x".repeat(30_000)), "x".repeat(255));
        assert_eq!(short_tenant(&"ä".repeat(200)), "ä".repeat(127));
        assert_eq!(short_tenant(""), "");
    }

    #[test]
    fn a_path_is_told_to_its_1024th_character() {
        let path = |path: &str| short_path(&path.parse().unwrap());
        assert_eq!(path("/a?b=c"), "/a");
        assert_eq!(path(&format!("/{}", "x".repeat(5_000))).len(), 1_024);
    }
}

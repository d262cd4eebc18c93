//! The dashboard's page, and what it may do.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use sha2::{Digest, Sha256};

/// One file with everything in it.
pub(super) const HTML: &str = include_str!("dashboard.html");

/// Its own script and style by their hashes, questions to where it came from, and nothing else.
pub(super) fn policy() -> HeaderValue {
    POLICY.clone()
}

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |tag: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(within(tag))));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style"),
    );
    HeaderValue::try_from(policy).expect("hashes and words are ASCII")
});

/// What stands between a tag and its end, to the byte.
fn within(tag: &str) -> &'static str {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let from = HTML.find(&open).expect("the page has one") + open.len();
    let end = HTML[from..].find(&close).expect("and ends it");
    &HTML[from..from + end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_outside_and_writes_no_html() {
        for forbidden in [
            "src=",
            "@import",
            "url(",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!HTML.contains(forbidden), "{forbidden}");
        }
        assert_eq!(HTML.matches("<script").count(), 1);
        assert_eq!(HTML.matches("<style").count(), 1);
        let handlers = [" onclick", " onload", " onerror", " onsubmit", " oninput", " style="];
        assert!(handlers.iter().all(|handler| !HTML.contains(handler)));
        let outside = |part: &str| !part.starts_with("www.w3.org/2000/svg");
        assert!(!HTML.split("http://").skip(1).any(outside) && !HTML.contains("https://"));
        assert!(
            !HTML.contains("localStorage") && !HTML.contains("sessionStorage") && !HTML.contains("cookie")
        );
    }

    #[test]
    fn the_policy_names_the_hash_of_what_stands_in_the_page() {
        let policy = policy();
        let policy = policy.to_str().unwrap();
        let hash = STANDARD.encode(Sha256::digest(within("script")));
        assert!(policy.contains(&format!("script-src 'sha256-{hash}'")) && !policy.contains("unsafe"));
    }
}

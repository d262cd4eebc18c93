//! What of a header proves somebody, however it is written.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;

/// The secret itself, so that one key in many forms is one: without the scheme, the white space around it, and the half of `Basic` that is not looked at (the user's name, unless
/// the password is empty).
pub(super) fn secret(value: &HeaderValue) -> Cow<'_, [u8]> {
    let Ok(text) = value.to_str().map(str::trim) else { return value.as_bytes().into() };
    let Some((scheme, rest)) = text.split_once(char::is_whitespace) else { return text.as_bytes().into() };
    if scheme.eq_ignore_ascii_case("Basic")
        && let Ok(pair) = STANDARD.decode(rest.trim())
        && let Some(colon) = pair.iter().position(|byte| *byte == b':')
    {
        let (user, password) = (&pair[..colon], &pair[colon + 1..]);
        return if password.is_empty() { user } else { password }.to_vec().into();
    }
    if scheme.eq_ignore_ascii_case("Bearer") { rest.trim().as_bytes().into() } else { text.as_bytes().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let value = HeaderValue::from_str(text).expect("a value");
        String::from_utf8(secret(&value).into_owned()).expect("text")
    }

    #[test]
    fn one_key_in_many_forms_is_one() {
        let basic = |pair: &str| format!("basic  {}", STANDARD.encode(pair));
        let forms =
            ["key".to_owned(), " key ".to_owned(), "Bearer key".to_owned(), "bEARER   key ".to_owned()];
        let forms = forms.into_iter().chain(["one:key", "other:key", ":key", "key:"].map(basic));
        assert!(
            forms.clone().all(|form| of(&form) == "key"),
            "{:?}",
            forms.map(|form| of(&form)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_something_else_stays_so() {
        for text in ["Digest key", "Basic key", "key2", "Bearer key2"] {
            assert_ne!(of(text), "key");
        }
    }
}

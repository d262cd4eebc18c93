//! Where an answer's body ends: said in one way, since whoever is behind may read any other differently.

use std::{error, fmt};

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// Why nobody can say where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unframed {
    Length,
    Coding,
}

/// Makes one number of the length, where no transfer coding overrides it (RFC 9112 §6.3); that may be `chunked` only. hyper looks at the length only where a body follows, not after a `HEAD`, and
/// takes every list of codings that ends in `chunked`: it takes the chunks away and leaves the others on, of which nobody behind would know.
pub(super) fn check(headers: &mut HeaderMap) -> Result<(), Unframed> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
        return if is_chunked { Ok(()) } else { Err(Unframed::Coding) };
    }
    if !headers.contains_key(CONTENT_LENGTH) {
        return Ok(());
    }
    let length = length(headers).ok_or(Unframed::Length)?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(())
}

/// The one number that all fields, and all members of each, say.
fn length(headers: &HeaderMap) -> Option<u64> {
    let fields = headers.get_all(CONTENT_LENGTH).iter();
    let mut lengths = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b',')).map(number);
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
}

/// Digits alone: `+5` is none.
fn number(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text.trim_ascii()).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl fmt::Display for Unframed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Coding => "the answer has a transfer coding that is not chunked",
            Self::Length => "the answer's length is not one number",
        })
    }
}

impl error::Error for Unframed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(lengths: &[&'static str]) -> Option<HeaderValue> {
        let mut headers = HeaderMap::new();
        for length in lengths {
            headers.append(CONTENT_LENGTH, HeaderValue::from_static(length));
        }
        check(&mut headers).ok()?;
        assert!(headers.len() < 2);
        headers.remove(CONTENT_LENGTH)
    }

    #[test]
    fn a_coding_is_chunked() {
        let coded = |codings: &[&'static str]| {
            let fields = codings.iter().map(|coding| (TRANSFER_ENCODING, HeaderValue::from_static(coding)));
            let mut headers = HeaderMap::new();
            for (name, coding) in fields {
                headers.append(name, coding);
            }
            headers.append(CONTENT_LENGTH, HeaderValue::from_static("+5"));
            check(&mut headers)
        };
        for codings in [&["chunked"][..], &["Chunked"]] {
            assert_eq!(coded(codings), Ok(()), "a length beside it says nothing");
        }
        for codings in [
            &["gzip, chunked"][..],
            &["gzip", "chunked"],
            &["chunked", "chunked"],
            &["identity"],
            &["gzip"],
            &[""],
        ] {
            assert_eq!(coded(codings), Err(Unframed::Coding), "{codings:?}");
        }
    }

    #[test]
    fn a_length_is_one_number() {
        for lengths in [&["5"][..], &["5", "5"], &["5, 5"], &["5,5", "5"], &["05", "5"]] {
            assert_eq!(checked(lengths).unwrap(), "5", "{lengths:?}");
        }
        for lengths in [
            &["5", "6"][..],
            &["5, 6"],
            &["+5"],
            &["-5"],
            &[""],
            &["5,"],
            &["0x5"],
            &["5 5"],
            &["18446744073709551616"],
        ] {
            assert_eq!(checked(lengths), None, "{lengths:?}");
        }
        check(&mut HeaderMap::new()).unwrap();
    }
}

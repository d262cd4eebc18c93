//! What a path means, whatever it looks like: RFC 3986 §6.2.2, and where we differ, stricter.

use std::borrow::Cow;

/// Why a path cannot be compared with rules: servers would read it in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathFault {
    /// It does not start with a slash.
    Relative,
    /// It leads above the root.
    AboveRoot,
    /// A percent sign without two hexadecimal digits.
    Escape,
    /// A control character, encoded or not: NUL, for one.
    Control,
    /// A slash or backslash that is encoded, or a backslash that is not.
    Separator,
    /// An escape that yields another escape of a character that matters here.
    DoubleEscape,
    /// Bytes that are not UTF-8.
    Encoding,
    /// Parameters of a segment without a name, or of `.` and `..`.
    Parameters,
    /// With parameters or doubled slashes it takes another route than without.
    Readings,
}

/// What becomes of `%2F`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodedSlashes {
    /// It is refused.
    #[default]
    Refused,
    /// It is part of a name, as in `/projects/group%2Fname`, and goes on as it is. Refused all the same where it would lead to another route if it were
    /// read as a slash, and beside `.` and `..`.
    Kept,
}

/// The path that the request goes on with.
pub(super) fn normal(path: &str, slashes: EncodedSlashes) -> Result<Cow<'_, str>, PathFault> {
    if is_plain(path) {
        return Ok(path.into());
    }
    let decoded = decoded(path, slashes)?;
    without_dots(&decoded, slashes).map(Cow::Owned)
}

/// The same path as the most generous of servers reads it: without parameters, with every slash a separator, and one where there are several.
pub(super) fn generous(normal: &str) -> Cow<'_, str> {
    if !normal.contains(';') && !normal.contains("//") && !normal.contains("%2F") {
        return normal.into();
    }
    let slashed = normal.replace("%2F", "/");
    let mut path = String::with_capacity(slashed.len());
    for segment in slashed.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        if !name.is_empty() {
            path.push('/');
            path.push_str(name);
        }
    }
    if slashed.ends_with('/') {
        path.push('/');
    }
    path.into()
}

/// Most paths: nothing in them is special.
fn is_plain(path: &str) -> bool {
    let is_ordinary = |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'%' | b'\\' | b';');
    path.starts_with('/') && path.bytes().all(is_ordinary) && !path.contains("/.")
}

fn decoded(path: &str, slashes: EncodedSlashes) -> Result<String, PathFault> {
    if !path.starts_with('/') {
        return Err(PathFault::Relative);
    }
    let mut out = Vec::with_capacity(path.len());
    // With every escape decoded, to see whether it is UTF-8.
    let mut raw = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            raw.push(byte);
            plain(byte, &mut out)?;
            continue;
        }
        let (byte, after) = escape(rest).ok_or(PathFault::Escape)?;
        rest = after;
        raw.push(byte);
        escaped(byte, rest, slashes, &mut out)?;
    }
    str::from_utf8(&raw).map_err(|_| PathFault::Encoding)?;
    String::from_utf8(out).map_err(|_| PathFault::Encoding)
}

fn plain(byte: u8, out: &mut Vec<u8>) -> Result<(), PathFault> {
    match byte {
        b'\\' => return Err(PathFault::Separator),
        _ if byte.is_ascii_control() => return Err(PathFault::Control),
        b' '..=b'~' => out.push(byte),
        _ => push_escape(byte, out),
    }
    Ok(())
}

fn escaped(byte: u8, rest: &[u8], slashes: EncodedSlashes, out: &mut Vec<u8>) -> Result<(), PathFault> {
    match byte {
        b'/' if slashes == EncodedSlashes::Kept => push_escape(byte, out),
        b'/' | b'\\' => return Err(PathFault::Separator),
        _ if byte.is_ascii_control() => return Err(PathFault::Control),
        b'%' if escape(rest).is_some_and(|(inner, _)| matters(inner)) => {
            return Err(PathFault::DoubleEscape);
        }
        b'-' | b'.' | b'_' | b'~' => out.push(byte),
        _ if byte.is_ascii_alphanumeric() => out.push(byte),
        _ => push_escape(byte, out),
    }
    Ok(())
}

fn matters(byte: u8) -> bool {
    matches!(byte, b'.' | b'/' | b'\\' | b'%' | b';') || byte.is_ascii_control() || !byte.is_ascii()
}

/// The byte that two digits say, and what follows them.
fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = rest.split_at_checked(2)?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(digits[0])? << 4 | digit(digits[1])?, rest))
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    out.push(b'%');
    out.push(DIGITS[usize::from(byte >> 4)]);
    out.push(DIGITS[usize::from(byte & 15)]);
}

/// RFC 3986 §5.2.4, but for what leads above the root.
fn without_dots(path: &str, slashes: EncodedSlashes) -> Result<String, PathFault> {
    let mut kept: Vec<&str> = Vec::new();
    let mut is_open = false;
    for segment in path.split('/').skip(1) {
        is_open = matches!(segment, "." | "..");
        if let Some((name, _)) = segment.split_once(';')
            && matches!(name, "" | "." | "..")
        {
            return Err(PathFault::Parameters);
        }
        // Only where slashes are kept: a dot segment to whoever decodes them.
        let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
        if slashes == EncodedSlashes::Kept && segment.contains("%2F") && segment.split("%2F").any(is_dots) {
            return Err(PathFault::Separator);
        }
        match segment {
            "." => {}
            ".." => drop(kept.pop().ok_or(PathFault::AboveRoot)?),
            _ => kept.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in kept {
        out.push('/');
        out.push_str(segment);
    }
    if is_open || out.is_empty() {
        out.push('/');
    }
    Ok(out)
}

const DIGITS: [u8; 16] = *b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Result<String, PathFault> {
        normal(path, EncodedSlashes::Refused).map(Cow::into_owned)
    }

    #[test]
    fn one_meaning_has_one_form() {
        for (path, form) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a/"),
            ("/%61dmin", "/admin"),
            ("/%7euser/%2d", "/~user/-"),
            ("/public/../admin", "/admin"),
            ("/public/%2e%2e/admin", "/admin"),
            ("/public/%2E./admin", "/admin"),
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/...", "/a/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/a%20b%3a", "/a%20b%3A"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/50%25", "/50%25"),
            ("/a//b", "/a//b"),
            ("/a;x=1/b", "/a;x=1/b"),
        ] {
            assert_eq!(read(path).as_deref(), Ok(form), "{path}");
            assert_eq!(read(form).as_deref(), Ok(form), "{form} is its own form");
        }
    }

    #[test]
    fn what_can_be_read_in_several_ways_is_refused() {
        use PathFault::*;
        for (path, fault) in [
            ("admin", Relative),
            ("/..", AboveRoot),
            ("/a/../../b", AboveRoot),
            ("/%2e%2e/b", AboveRoot),
            ("/a%2fb", Separator),
            ("/a%2Fb", Separator),
            ("/a%5cb", Separator),
            ("/a\\b", Separator),
            ("/public/..%2fadmin", Separator),
            ("/a%00", Control),
            ("/a%0d%0ab", Control),
            ("/a%7f", Control),
            ("/a%", Escape),
            ("/a%2", Escape),
            ("/a%zz", Escape),
            ("/%252e%252e/b", DoubleEscape),
            ("/a%252fb", DoubleEscape),
            ("/a%25c0%25ae", DoubleEscape),
            ("/%c0%ae%c0%ae/b", Encoding),
            ("/%ff", Encoding),
            ("/public/..;/admin", Parameters),
            ("/public/..;x=1/admin", Parameters),
            ("/public/%2e%2e;/admin", Parameters),
            ("/;x/admin", Parameters),
        ] {
            assert_eq!(read(path), Err(fault), "{path}");
        }
    }

    #[test]
    fn slashes_in_names_may_be_kept_but_not_beside_dots() {
        let kept = |path| normal(path, EncodedSlashes::Kept).map(Cow::into_owned);
        assert_eq!(kept("/projects/a%2fb").as_deref(), Ok("/projects/a%2Fb"));
        assert_eq!(kept("/public/..%2fadmin"), Err(PathFault::Separator));
        assert_eq!(kept("/public/%2e%2e%2Fadmin"), Err(PathFault::Separator));
        assert_eq!(kept("/public/x%2f..;a%2fadmin"), Err(PathFault::Separator));
        assert_eq!(kept("/public/x%5cy"), Err(PathFault::Separator));
    }

    #[test]
    fn the_most_generous_reading_has_no_parameters_and_single_slashes() {
        for (path, reading) in
            [("/a/b", "/a/b"), ("//a///b/", "/a/b/"), ("/a;x=1/b;y", "/a/b"), ("/a%2Fb", "/a/b"), ("//", "/")]
        {
            assert_eq!(generous(path), reading, "{path}");
        }
    }
}

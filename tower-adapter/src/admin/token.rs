use std::{error, fmt, fs, io, path::Path};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What whoever acts must present. Only its hash is kept, and it is compared in constant time.
#[derive(Clone)]
pub struct Token {
    hash: [u8; 32],
}

impl Token {
    /// From its text. `openssl rand -hex 32` makes a good one.
    ///
    /// # Errors
    /// When it is shorter than 16 characters, or holds one that cannot stand in a header.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        if text.len() < SHORTEST {
            return Err(TokenError::TooShort);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Unfit);
        }
        Ok(Self { hash: Sha256::digest(text).into() })
    }

    /// From a file that holds nothing else; white space around it does not count.
    ///
    /// # Errors
    /// When the file cannot be read, or as for [`new`](Self::new).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, TokenError> {
        let text = fs::read_to_string(path).map_err(|error| TokenError::Read(error.kind()))?;
        Self::new(text.trim())
    }

    /// Whether this is it. How long it takes tells nothing about the token.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.hash.ct_eq(&presented).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why something is no [`Token`]. Never says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// Its file cannot be read.
    Read(io::ErrorKind),
    /// It has fewer than 16 characters.
    TooShort,
    /// It holds white space, or something that is not printable ASCII.
    Unfit,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(kind) => write!(f, "the token's file cannot be read: {kind}"),
            Self::TooShort => {
                f.write_str("a token has at least 16 characters: `openssl rand -hex 32` makes one")
            }
            Self::Unfit => {
                f.write_str("a token is printable ASCII without spaces: `openssl rand -hex 32` makes one")
            }
        }
    }
}

impl error::Error for TokenError {}

const SHORTEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_it_and_it_is_never_shown() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for other in ["0123456789abcde", "0123456789abcdef0", "0123456789abcdeF", ""] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn what_is_short_or_cannot_stand_in_a_header_is_refused() {
        assert_eq!(Token::new("0123456789abcde").unwrap_err(), TokenError::TooShort);
        assert_eq!(Token::new("0123456789 abcdef").unwrap_err(), TokenError::Unfit);
        assert_eq!(Token::new("0123456789abcdéf").unwrap_err(), TokenError::Unfit);
        let missing = Token::from_file("no/such/file").unwrap_err();
        assert_eq!(missing, TokenError::Read(io::ErrorKind::NotFound));
    }
}

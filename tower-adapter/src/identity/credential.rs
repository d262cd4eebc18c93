use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION, request::Parts};

use super::{Fault, Refusal, Scheme};
use crate::field::{self, Withheld};

/// Where in a request a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    place: Place,
    forwarded: Forwarded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Bearer,
    Basic,
    Header(HeaderName),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forwarded {
    No,
    Yes,
}

impl Credential {
    /// `Authorization: Bearer` (RFC 6750).
    #[must_use]
    pub const fn bearer() -> Self {
        Self { place: Place::Bearer, forwarded: Forwarded::No }
    }

    /// The password of `Authorization: Basic` (RFC 7617), or the user's name where the password is empty. (curl's `-u KEY:`)
    #[must_use]
    pub const fn basic() -> Self {
        Self { place: Place::Basic, forwarded: Forwarded::No }
    }

    /// The whole value of this header.
    #[must_use]
    pub const fn header(name: HeaderName) -> Self {
        Self { place: Place::Header(name), forwarded: Forwarded::No }
    }

    /// Leaves the header on the request, for the service within. Default: it is taken off.
    #[must_use]
    pub const fn forwarded(mut self) -> Self {
        self.forwarded = Forwarded::Yes;
        self
    }

    /// What a refusal names.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match self.place {
            Place::Bearer => Scheme::Bearer,
            Place::Basic => Scheme::Basic,
            Place::Header(_) => Scheme::ApiKey,
        }
    }

    /// The header that it is in.
    #[must_use]
    pub const fn header_name(&self) -> &HeaderName {
        static STANDARD_NAME: HeaderName = AUTHORIZATION;
        match &self.place {
            Place::Bearer | Place::Basic => &STANDARD_NAME,
            Place::Header(name) => name,
        }
    }

    /// Takes it out of the request.
    pub(super) fn take(&self, request: &mut Parts) -> Result<Secret, Refusal> {
        let scheme = self.scheme();
        if let (Place::Header(name), Forwarded::No) = (&self.place, self.forwarded) {
            Withheld::add(request, name);
        }
        let name = self.header_name();
        field::remove_lookalikes(&mut request.headers, name);
        let mut values = request.headers.get_all(name).iter();
        let value = values.next().ok_or(Refusal::Missing(scheme))?;
        if values.next().is_some() {
            // Which of them a program behind would read is anyone's guess.
            return Err(Refusal::Invalid(scheme, Fault::Repeated));
        }
        if value.len() > LONGEST {
            return Err(Refusal::Invalid(scheme, Fault::TooLong));
        }
        let secret = self.read(value)?;
        match self.forwarded {
            Forwarded::No => drop(request.headers.remove(name)),
            Forwarded::Yes => {
                // Layers that log headers then leave it out.
                if let Some(value) = request.headers.get_mut(name) {
                    value.set_sensitive(true);
                }
            }
        }
        Ok(secret)
    }

    fn read(&self, value: &HeaderValue) -> Result<Secret, Refusal> {
        let missing = Refusal::Missing(self.scheme());
        let malformed = Refusal::Invalid(self.scheme(), Fault::Malformed);
        let text = value.to_str().map_err(|_| malformed)?.trim();
        let secret = match self.place {
            Place::Header(_) => text.to_owned(),
            // Another scheme is for somebody else to read.
            Place::Bearer => after(text, "Bearer").ok_or(missing)?.to_owned(),
            Place::Basic => {
                let encoded = after(text, "Basic").ok_or(missing)?;
                let pair = STANDARD.decode(encoded).map_err(|_| malformed)?;
                let pair = String::from_utf8(pair).map_err(|_| malformed)?;
                let (user, password) = pair.split_once(':').ok_or(malformed)?;
                if password.is_empty() { user.to_owned() } else { password.to_owned() }
            }
        };
        if secret.is_empty() || secret.contains(char::is_whitespace) {
            return Err(malformed);
        }
        Ok(Secret(secret))
    }
}

/// What follows a scheme's name, which is in any case (RFC 9110 §11.1).
fn after<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim_start())
}

/// What a client sent to prove who it is. Nothing prints it.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Bytes: more than any identity provider's tokens have, and less than what would be dear to check.
const LONGEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn take(credential: &Credential, values: &[&str]) -> (Result<String, Refusal>, bool) {
        let name = if let Place::Header(name) = &credential.place { name } else { &AUTHORIZATION };
        let request = values.iter().fold(Request::builder(), |request, value| request.header(name, *value));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let taken = credential.take(&mut parts).map(|secret| secret.as_str().to_owned());
        (taken, parts.headers.contains_key(name))
    }

    #[test]
    fn each_place_holds_a_secret_which_goes_no_further() {
        let own = Credential::header(HeaderName::from_static("x-api-key"));
        for (credential, value) in [
            (Credential::bearer(), "Bearer k1"),
            (Credential::bearer(), "bearer  k1"),
            (Credential::basic(), "Basic dXNlcjprMQ=="), // user:k1
            (Credential::basic(), "Basic azE6"),         // k1:
            (own, "k1"),
        ] {
            assert_eq!(take(&credential, &[value]), (Ok("k1".to_owned()), false), "{value}");
            assert_eq!(take(&credential.forwarded(), &[value]), (Ok("k1".to_owned()), true), "{value}");
        }
    }

    #[test]
    fn none_and_a_bad_one_are_told_apart() {
        use Fault::{Malformed, Repeated, TooLong};
        let long = format!("Bearer {}", "k".repeat(LONGEST));
        for (values, refusal) in [
            (&[][..], Refusal::Missing(Scheme::Bearer)),
            (&["Basic dXNlcjprMQ=="], Refusal::Missing(Scheme::Bearer)),
            (&["Bearer"], Refusal::Invalid(Scheme::Bearer, Malformed)),
            (&["Bearer a b"], Refusal::Invalid(Scheme::Bearer, Malformed)),
            (&["Bearer kéy"], Refusal::Invalid(Scheme::Bearer, Malformed)),
            (&["Bearer a", "Bearer a"], Refusal::Invalid(Scheme::Bearer, Repeated)),
            (&[&long], Refusal::Invalid(Scheme::Bearer, TooLong)),
        ] {
            assert_eq!(take(&Credential::bearer(), values).0, Err(refusal), "{values:?}");
        }
        for value in ["Basic !", "Basic a2V5", "Basic Og=="] {
            let malformed = Refusal::Invalid(Scheme::Basic, Malformed);
            assert_eq!(take(&Credential::basic(), &[value]).0, Err(malformed), "{value}");
        }
    }
}

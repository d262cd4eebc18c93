//! What a token says before anything is checked.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::Algorithm;
use crate::identity::Fault;

pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

impl Header {
    pub(super) fn of(token: &str) -> Result<Self, Fault> {
        let mut parts = token.split('.');
        let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Fault::Malformed);
        };
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| Fault::Malformed)?;
        let header: Value = serde_json::from_slice(&header).map_err(|_| Fault::Malformed)?;
        let header = header.as_object().ok_or(Fault::Malformed)?;
        // RFC 7515 §4.1.11: whoever does not understand an extension that is critical must refuse; none is understood.
        if header.contains_key("crit") {
            return Err(Fault::Malformed);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Fault::Malformed)?;
        let algorithm = algorithm.parse().map_err(|_| Fault::Algorithm)?;
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= LONGEST_KID => Some(kid.clone()),
            Some(_) => return Err(Fault::Malformed),
        };
        Ok(Self { algorithm, kid })
    }
}

const LONGEST_KID: usize = 256;

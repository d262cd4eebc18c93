//! Key sets over TLS.

use ::http::uri::Scheme;

use super::{JwtError, fetch::Fetch, http};
use crate::{
    proxy::{http_connector, secure},
    tls::ClientTls,
};

pub(super) fn fetch(url: &str, tls: &ClientTls) -> Result<Fetch, JwtError> {
    let uri = http::parse(url, &Scheme::HTTPS)?;
    let config = tls.config().map_err(|error| JwtError::Tls { problem: error.to_string().into() });
    let (config, name) = config?;
    Ok(http::fetch_over(secure(http_connector(), config, name), uri))
}

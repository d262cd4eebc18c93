//! TLS from clients and towards endpoints, by rustls with aws-lc as its one crypto provider.
//!
//! - [`Certificates`] are what a server shows: SNI picks among them by their own names, and they can be [read again](Certificates::reload) while
//!   connections come; where the new files cannot be used, the old certificates stay.
//! - [`ServerTls`] makes rustls' configuration of them, with ALPN for HTTP/2 and HTTP/1.1, and verifies clients' certificates where it is to.
//! - [`CurrentServer`] follows its files, and says whether who came earlier would still get in.
//! - [`ClientTls`] is how endpoints are spoken to: whom to trust, what to show, which name to expect.

mod certificates;
mod client;
mod current;
mod current_server;
mod error;
mod files;
mod server;

pub use certificates::{CertificateFiles, Certificates};
pub use client::ClientTls;
pub(crate) use current::CurrentClient;
pub use current_server::{ClientVerifier, CurrentServer};
pub use error::TlsError;
pub use server::{ClientAuthentication, ServerTls, TlsVersion};

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

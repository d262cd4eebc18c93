//! One check, from the question to the verdict.

use std::sync::Arc;

use tenantry::{CheckFailure, CheckKind, HealthCheck};
use tokio::time::timeout;

use super::{
    CheckFailed, CheckedEndpoint,
    connection::{Connection, connect},
    custom::Functions,
    grpc, http,
    target::Target,
    tls::Tls,
};

/// What checks have in common. Cheap to clone.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) functions: Arc<Functions>,
    pub(super) tls: Tls,
}

/// Who is asked by TLS.
#[derive(Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) pool: &'a str,
    /// The name that the check says it has.
    pub(super) name: Option<&'a str>,
    /// For whom it is asked, or where it is.
    pub(super) host: &'a str,
}

impl Means {
    /// Asks, for as long as the pool allows.
    pub(super) async fn ask(self, check: HealthCheck) -> (HealthCheck, Result<(), CheckFailed>) {
        let limit = check.spec().timeout();
        let late = |_| Err(CheckFailed::new(CheckFailure::Timeout, format!("no answer within {limit:?}")));
        let verdict = timeout(limit, self.ask_at_leisure(&check)).await.unwrap_or_else(late);
        (check, verdict)
    }

    async fn ask_at_leisure(&self, check: &HealthCheck) -> Result<(), CheckFailed> {
        let kind = check.spec().kind();
        if let CheckKind::Custom(name) = kind {
            return self.call(name, check).await;
        }
        let target = Target::of(check.address(), check.spec())?;
        match kind {
            CheckKind::Tcp => connect(&target).await.map(drop),
            CheckKind::Tls => self.shake_hands(&target, check, None).await.map(drop),
            CheckKind::Http(http) => {
                http::ask(self.open(&target, check, b"http/1.1").await?, &target, http).await
            }
            CheckKind::Grpc(service) => {
                grpc::ask(self.open(&target, check, b"h2").await?, &target, service).await
            }
            _ => Err(CheckFailed::other("this version does not know such checks")),
        }
    }

    async fn call(&self, name: &str, check: &HealthCheck) -> Result<(), CheckFailed> {
        let Some(function) = self.functions.get(name) else {
            return Err(CheckFailed::other(format!(
                "no function is named {name:?}: HealthChecker::with_custom"
            )));
        };
        function(CheckedEndpoint::of(check)).await
    }

    async fn open(
        &self,
        target: &Target,
        check: &HealthCheck,
        protocol: &[u8],
    ) -> Result<Box<dyn Connection>, CheckFailed> {
        if target.secure {
            return self.shake_hands(target, check, Some(protocol)).await;
        }
        Ok(Box::new(connect(target).await?))
    }

    async fn shake_hands(
        &self,
        target: &Target,
        check: &HealthCheck,
        protocol: Option<&[u8]>,
    ) -> Result<Box<dyn Connection>, CheckFailed> {
        let stream = connect(target).await?;
        let host = match check.spec().kind() {
            // Without its port.
            CheckKind::Http(http) => http.host().and_then(|host| host.parse::<::http::uri::Authority>().ok()),
            _ => None,
        };
        let host = host.as_ref().map(|authority| authority.host().trim_matches(['[', ']']));
        let (name, host) = (check.spec().server_name(), host.unwrap_or(&target.host));
        let peer = Peer { pool: check.pool(), name, host };
        self.tls.handshake(stream, peer, protocol).await
    }
}

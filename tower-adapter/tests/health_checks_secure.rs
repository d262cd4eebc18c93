//! Health checks by TLS, HTTPS and gRPC against real servers on the loopback address.

#![cfg(all(feature = "health-tls", feature = "health-grpc"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

#[path = "support/verdict.rs"]
mod verdict;

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tenantry::{CheckFailure, CheckScheme, HealthCheckSpec, HttpCheck};
use tenantry_tower::health::{
    HealthChecker, PoolTls,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use verdict::{PATIENCE, Verdict, verdict};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a server does with a connection.
#[derive(Clone)]
enum Serves {
    Http1,
    /// HTTP/2 without the health service.
    Unimplemented,
    Grpc(HealthServer<HealthService>),
}

impl Serves {
    async fn serve(self, stream: Box<dyn Stream>) {
        let io = TokioIo::new(stream);
        let ended = match self {
            Self::Http1 => {
                let answer = service_fn(|_: Request<Incoming>| async {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ready"))))
                });
                http1::Builder::new().serve_connection(io, answer).await
            }
            Self::Unimplemented => {
                let answer = service_fn(|_: Request<Incoming>| async {
                    let response = Response::builder()
                        .header("content-type", "application/grpc")
                        .header("grpc-status", "12");
                    response.body(Empty::<Bytes>::new())
                });
                http2::Builder::new(TokioExecutor::new()).serve_connection(io, answer).await
            }
            Self::Grpc(service) => {
                let service = TowerToHyperService::new(service);
                http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
            }
        };
        // Whoever breaks off is what some tests are about.
        drop(ended);
    }
}

/// A server on a free port, over TLS where there is a certificate.
async fn listen(serves: Serves, tls: Option<ServerConfig>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (serves, acceptor) = (serves.clone(), acceptor.clone());
            tokio::spawn(async move {
                let Some(acceptor) = acceptor else { return serves.serve(Box::new(stream)).await };
                let Ok(stream) = acceptor.accept(stream).await else { return };
                serves.serve(Box::new(stream)).await;
            });
        }
    });
    address.to_string()
}

/// An authority, and what trusts it.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.0.der().to_vec())).unwrap();
        roots
    }

    /// The side of who trusts it.
    fn client(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    /// A server's side, with a certificate for this name that ends in this year.
    fn server(&self, name: &str, ends: i32, protocols: &[&[u8]]) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(certificate.der().to_vec())], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }
}

/// However slow this machine is.
async fn patiently(
    address: &str,
    spec: HealthCheckSpec,
    with: impl FnOnce(HealthChecker) -> HealthChecker,
) -> Verdict {
    verdict(address, spec.with_timeout(PATIENCE / 2), with).await
}

async fn trusting(authority: &Authority, address: &str, spec: HealthCheckSpec) -> Verdict {
    patiently(address, spec, |checker| checker.with_roots(authority.roots())).await
}

#[tokio::test]
async fn a_certificate_is_trusted_and_for_the_right_name_or_the_check_fails() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = listen(Serves::Http1, Some(authority.server("127.0.0.1", 2100, &[]))).await;
    let named = listen(Serves::Http1, Some(authority.server("api.internal", 2100, &[]))).await;
    let expired = listen(Serves::Http1, Some(authority.server("127.0.0.1", 2001, &[]))).await;
    let tls = HealthCheckSpec::tls;
    assert_eq!(trusting(&authority, &server, tls()).await, Ok(()));
    assert_eq!(trusting(&authority, &named, tls().with_server_name("api.internal")).await, Ok(()));
    for (case, verdict) in [
        ("of a stranger", trusting(&stranger, &server, tls()).await),
        ("of another name", trusting(&authority, &named, tls()).await),
        ("out of date", trusting(&authority, &expired, tls()).await),
    ] {
        let (reason, evidence) = verdict.expect_err(case);
        assert_eq!(reason, CheckFailure::Tls, "{case}: {evidence}");
        assert!(evidence.contains("certificate"), "{case}: {evidence}");
    }
    let plain = listen(Serves::Http1, None).await;
    assert_eq!(trusting(&authority, &plain, tls()).await.unwrap_err().0, CheckFailure::Tls, "no TLS there");
}

#[tokio::test]
async fn http_goes_over_tls_where_the_address_or_the_pool_says_so() {
    let authority = Authority::new();
    let server = listen(Serves::Http1, Some(authority.server("127.0.0.1", 2100, &[b"http/1.1"]))).await;
    let named = listen(Serves::Http1, Some(authority.server("api.internal", 2100, &[]))).await;
    let ready = || HealthCheckSpec::from(HttpCheck::new("/healthz").with_body("ready"));
    let secure = format!("https://{server}");
    assert_eq!(trusting(&authority, &secure, ready()).await, Ok(()));
    assert_eq!(trusting(&authority, &server, ready().with_scheme(CheckScheme::Https)).await, Ok(()));
    let host = HealthCheckSpec::from(HttpCheck::new("/").with_host("api.internal:443"));
    assert_eq!(
        trusting(&authority, &format!("https://{named}"), host).await,
        Ok(()),
        "the host's name is asked for"
    );
    assert_eq!(
        patiently(&secure, ready(), |checker| checker).await.unwrap_err().0,
        CheckFailure::Tls,
        "the system trusts others"
    );
    let in_the_clear = trusting(&authority, &secure, ready().with_scheme(CheckScheme::Http)).await;
    assert_eq!(in_the_clear.unwrap_err().0, CheckFailure::Broken);
}

#[tokio::test]
async fn tls_may_be_set_up_as_a_whole() {
    let authority = Authority::new();
    let server = listen(Serves::Http1, Some(authority.server("127.0.0.1", 2100, &[b"http/1.1"]))).await;
    let address = format!("https://{server}");
    let config = authority.client();
    let seen = patiently(&address, HealthCheckSpec::http("/"), |checker| checker.with_tls(config)).await;
    assert_eq!(seen, Ok(()));
}

#[tokio::test]
async fn a_pool_may_have_settings_and_a_name_of_its_own() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = listen(Serves::Http1, Some(authority.server("api.internal", 2100, &[]))).await;
    let name = |name: &'static str| ServerName::try_from(name).unwrap();
    let own = PoolTls::new(authority.client()).with_server_name(name("api.internal"));
    let other = PoolTls::new(authority.client()).with_server_name(name("other.internal"));
    let ask = |tls: &PoolTls, spec: HealthCheckSpec| {
        let tls = tls.clone();
        // Of other pools it says nothing: these are the two that the verdict is of.
        let of = move |pool: &str| ["up", "down"].contains(&pool).then(|| tls.clone());
        let server = server.clone();
        let roots = stranger.roots();
        async move { patiently(&server, spec, |checker| checker.with_roots(roots).with_pool_tls(of)).await }
    };
    let tls = HealthCheckSpec::tls;
    assert_eq!(ask(&own, tls()).await, Ok(()));
    assert_eq!(ask(&other, tls()).await.unwrap_err().0, CheckFailure::Tls);
    assert_eq!(ask(&other, tls().with_server_name("api.internal")).await, Ok(()), "the check's word counts");
    let hosted =
        HealthCheckSpec::from(HttpCheck::new("/").with_host("shop.example")).with_scheme(CheckScheme::Https);
    assert_eq!(ask(&own, hosted).await, Ok(()), "a host is whom the question is for, not who answers");
    let silent = |checker: HealthChecker| checker.with_roots(authority.roots()).with_pool_tls(|_| None);
    let named = tls().with_server_name("api.internal");
    assert_eq!(patiently(&server, named, silent).await, Ok(()), "the settings of all");
}

#[tokio::test]
async fn grpc_servers_say_whether_they_serve() {
    let reporter = HealthReporter::new();
    let service = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    reporter.set_service_status("acme.Payments", ServingStatus::Serving).await;
    reporter.set_service_status("acme.Refunds", ServingStatus::NotServing).await;
    reporter.set_service_status("acme.Search", ServingStatus::Unknown).await;
    let authority = Authority::new();
    let server = listen(Serves::Grpc(service.clone()), None).await;
    let secure = listen(Serves::Grpc(service), Some(authority.server("127.0.0.1", 2100, &[b"h2"]))).await;
    for address in [server.clone(), format!("https://{secure}")] {
        let ask = |service: &str| trusting(&authority, &address, HealthCheckSpec::grpc(service));
        assert_eq!(ask("").await, Ok(()), "the server as a whole");
        assert_eq!(ask("acme.Payments").await, Ok(()));
        assert_eq!(ask("acme.Refunds").await, Err((CheckFailure::NotServing, "NOT_SERVING".to_owned())));
        assert_eq!(ask("acme.Search").await, Err((CheckFailure::NotServing, "UNKNOWN".to_owned())));
        let (reason, evidence) = ask("acme.Nobody").await.unwrap_err();
        assert!(reason == CheckFailure::Status && evidence.starts_with("NotFound"), "{reason:?} {evidence}");
    }
}

#[tokio::test]
async fn a_server_without_the_health_service_or_without_grpc_fails() {
    let ask = |address: String| async move {
        patiently(&address, HealthCheckSpec::grpc(""), |checker| checker).await
    };
    let (reason, evidence) = ask(listen(Serves::Unimplemented, None).await).await.unwrap_err();
    assert!(reason == CheckFailure::Status && evidence.starts_with("Unimplemented"), "{reason:?} {evidence}");
    let (reason, evidence) = ask(listen(Serves::Http1, None).await).await.unwrap_err();
    assert_eq!(reason, CheckFailure::Broken, "{evidence}");
}

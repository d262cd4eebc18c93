//! Debian's nginx as an upstream that wants TLS, HTTP/2, and the gateway's certificate; and files that change while the gateway serves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;
mod nginx;
mod pki;
#[expect(dead_code, reason = "each test uses a part of it")]
mod raw_upstream;

use std::{fs, future, net::SocketAddr, sync::Arc, time::Duration};

use gateway_parts::{
    admin::Served,
    config::Document,
    listener::Listener,
    process::{Running, free_address},
    reload::Reloader,
};
use pki::{Authority, Pair};
use tenantry::{Balancer, Event, Format};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

/// One that wants TLS and, if told so, a certificate.
fn start(authority: &Authority, verify_client: &str) -> Option<Running> {
    let program = nginx::program()?;
    authority.write("nginx", &authority.issue(&["upstream.test"]));
    let file = |name: &str| authority.file(name).display().to_string();
    let server = format!(
        "ssl_certificate {}; ssl_certificate_key {};
         ssl_client_certificate {}; ssl_verify_client {verify_client};
         location / {{ return 200 '$ssl_client_verify $server_protocol $http_x_forwarded_host $ssl_server_name;'; }}",
        file("nginx.pem"),
        file("nginx.key"),
        file("ca.pem"),
    );
    Some(nginx::start(&program, &authority.file(""), free_address().unwrap(), "ssl http2", &server))
}

/// What a gateway before nginx answers.
async fn answer(nginx: &Running, upstream: &str) -> String {
    let document = format!(
        "[pools.api]\nendpoints = [\"https://{}\"]\n[tenants.acme]\n[gateway.upstream.api]\n{upstream}\n",
        nginx.address()
    );
    ask(inside::gateway(&document).await.0).await
}

async fn ask(gateway: SocketAddr) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: shop.test\r\nx-tenant: acme\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_is_believed_only_where_its_certificate_says_who_it_is() {
    let authority = Authority::new("upstream");
    let Some(nginx) = start(&authority, "optional") else { return };
    let ca = authority.file("ca.pem");
    authority.write("gateway", &authority.issue(&["gateway.test"]));
    let (certificate, key) = (authority.file("gateway.pem"), authority.file("gateway.key"));
    let named = format!("ca = {ca:?}, server_name = \"upstream.test\"");
    let own = format!("client_certificate = {certificate:?}, client_key = {key:?}");
    for (upstream, expected) in [
        (format!("tls = {{ {named} }}"), "NONE HTTP/1.1 shop.test upstream.test;"),
        (format!("tls = {{ {named}, {own} }}"), "SUCCESS HTTP/1.1 shop.test upstream.test;"),
        (format!("http2 = true\ntls = {{ {named}, {own} }}"), "SUCCESS HTTP/2.0 shop.test upstream.test;"),
        ("tls = { verify = false }".to_owned(), "NONE HTTP/1.1 shop.test ;"),
    ] {
        let answer = answer(&nginx, &upstream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(expected), "{upstream}: {answer}");
    }
    // Another name, and roots that do not lead to it.
    let stranger = Authority::new("upstream-stranger");
    for upstream in [
        format!("tls = {{ ca = {ca:?} }}"),
        format!("tls = {{ ca = {ca:?}, server_name = \"other.test\" }}"),
        format!("tls = {{ ca = {:?}, server_name = \"upstream.test\" }}", stranger.file("ca.pem")),
    ] {
        let answer = answer(&nginx, &upstream).await;
        assert!(
            answer.starts_with("HTTP/1.1 502") && answer.contains("CONNECT_FAILED"),
            "{upstream}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_that_requires_a_certificate_is_shown_the_gateways() {
    let authority = Authority::new("upstream-required");
    let Some(nginx) = start(&authority, "on") else { return };
    let (ca, stranger) = (authority.file("ca.pem"), Authority::new("upstream-nobody"));
    authority.write("gateway", &authority.issue(&["gateway.test"]));
    authority.write("nobody", &stranger.issue(&["gateway.test"]));
    let shown = |name: &str| {
        let (certificate, key) =
            (authority.file(&format!("{name}.pem")), authority.file(&format!("{name}.key")));
        format!("client_certificate = {certificate:?}, client_key = {key:?}")
    };
    for (own, expected) in [
        (format!(", {}", shown("gateway")), "HTTP/1.1 200"),
        (String::new(), "HTTP/1.1 400"), // nginx: no required certificate was sent
        (format!(", {}", shown("nobody")), "HTTP/1.1 400"), // nginx: the certificate leads to another root
    ] {
        for http2 in [false, true] {
            let tls = format!("tls = {{ ca = {ca:?}, server_name = \"upstream.test\"{own} }}");
            let answer = answer(&nginx, &format!("http2 = {http2}\n{tls}")).await;
            assert!(answer.starts_with(expected), "{own}, HTTP/2 {http2}: {answer}");
        }
    }
}

/// Nobody serves here before a check has passed: the answer tells that one has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_checks_trust_and_show_what_requests_do() {
    let authority = Authority::new("upstream-checks");
    let Some(nginx) = start(&authority, "on") else { return };
    authority.write("gateway", &authority.issue(&["gateway.test"]));
    let file = |name: &str| authority.file(name);
    let document = format!(
        "[pools.api]\nendpoints = [\"https://{}\"]\ntiers = {{ panic = 0 }}\nhealth = {{ probe = {{ http = \"/\", every = \"50ms\", initial = \"unhealthy\" }} }}\n[tenants.acme]\n[gateway.upstream.api]\ntls = {{ ca = {:?}, server_name = \"upstream.test\", client_certificate = {:?}, client_key = {:?} }}\n",
        nginx.address(),
        file("ca.pem"),
        file("gateway.pem"),
        file("gateway.key"),
    );
    let (gateway, balancer) = inside::gateway(&document).await;
    let passes = async {
        while !balancer.take_events().iter().any(|event| matches!(event, Event::EndpointPassing { .. })) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), passes).await.expect("the check passes");
    let answer = ask(gateway).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("upstream.test;"), "{answer}");
}

#[test]
fn what_is_wrong_is_told_by_path_and_fix() {
    let authority = Authority::new("upstream-wrong");
    authority.write("a", &authority.issue(&["a.test"]));
    let (ca, pem, key) = (authority.file("ca.pem"), authority.file("a.pem"), authority.file("a.key"));
    for (gateway, parts) in [
        (
            "[gateway.upstream.apl]\nhttp2 = true".to_owned(),
            ["gateway.upstream.apl", "name one of the pools: api"],
        ),
        ("[gateway.upstream.api]\nhtp2 = true".to_owned(), ["gateway.upstream.api.htp2", "http2"]),
        (
            "[gateway.upstream.api.tls]\nca = \"none.pem\"".to_owned(),
            ["gateway.upstream.api.tls", "none.pem"],
        ),
        (
            format!("[gateway.upstream.api.tls]\nca = {key:?}"),
            ["gateway.upstream.api.tls", "BEGIN CERTIFICATE"],
        ),
        (format!("[gateway.upstream.api.tls]\nca = {ca:?}\nverify = false"), ["api.tls.verify", "ca"]),
        (format!("[gateway.upstream.api.tls]\nclient_certificate = {pem:?}"), ["api.tls.client_key", "key"]),
        ("[gateway.tls]\ncertificates = []".to_owned(), ["gateway.tls.certificates", "name a certificate"]),
        (
            format!("[gateway.tls]\ncertificates = [{{ certificate = {pem:?}, key = {pem:?} }}]"),
            ["gateway.tls.certificates", "BEGIN PRIVATE KEY"],
        ),
        (
            format!(
                "[gateway.tls]\ncertificates = [{{ certificate = {pem:?}, key = {key:?} }}]\nclient_certificate = \"optional\""
            ),
            ["gateway.tls.client_certificate", "client_ca"],
        ),
        ("[gateway.limits]\nmax_headers = 0".to_owned(), ["gateway.limits.max_headers", "0"]),
    ] {
        let text = format!("[pools.api]\nendpoints = [\"https://a:1\"]\n{gateway}\n");
        let problem = Document::from_text(&text, Format::Toml).unwrap_err().to_string();
        assert!(parts.iter().all(|part| problem.contains(part)), "{gateway}: {problem}");
        assert!(!problem.contains("BEGIN PRIVATE KEY-----M"), "{problem}");
    }
}

/// Settings of TLS beside an address without it would be spoken past, in plain text.
#[test]
fn tls_for_an_address_without_it_is_refused() {
    for (address, is_fine) in [("https://a:1", true), ("http://a:1", false), ("a:1", false)] {
        let text = format!(
            "[pools.api]\nendpoints = [\"https://b:1\", {address:?}]\n[gateway.upstream.api.tls]\nserver_name = \"a.test\"\n"
        );
        let read = Document::from_text(&text, Format::Toml).map(drop).map_err(|error| error.to_string());
        assert_eq!(read.is_ok(), is_fine, "{address}: {read:?}");
        assert!(
            read.err().is_none_or(|told| told.contains("gateway.upstream.api.tls") && told.contains(address))
        );
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// An upstream of this authority that wants a certificate of it, and answers with that; one connection for each request.
async fn showing(authority: &Authority) -> SocketAddr {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file("ca.pem")).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let own = authority.issue(&["upstream.test"]);
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(verifier);
    let config = config.with_single_cert(vec![der(&own.certificate)], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who does not trust it breaks off.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            raw_upstream::head(&mut stream).await;
            let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
            let shown: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            stream.write_all(&raw_upstream::ok(shown.as_bytes())).await.ok();
            stream.shutdown().await.ok();
        }
    });
    address
}

/// Asks until the answer is like this.
async fn until(gateway: SocketAddr, is: impl Fn(&str) -> bool) {
    let reached = timeout(Duration::from_secs(30), async {
        while !is(&ask(gateway).await) {
            sleep(Duration::from_millis(20)).await;
        }
    });
    reached.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_certificates_and_roots_are_read_again_when_they_change() {
    let (authority, stranger) = (Authority::new("upstream-renewed"), Authority::new("upstream-others"));
    let pairs: Vec<Pair> = (0..2).map(|_| authority.issue(&["gateway.test"])).collect();
    authority.write("gateway", &pairs[0]);
    let roots = fs::read(authority.file("ca.pem")).unwrap();
    fs::write(authority.file("trusted.pem"), &roots).unwrap();
    let document = format!(
        "[pools.api]\nendpoints = [\"https://{}\"]\nhealth = {{ outlier = {{ consecutive_failures = 1000 }} }}\n[tenants.acme]\n[gateway.upstream.api]\n\
        tls = {{ ca = \"trusted.pem\", server_name = \"upstream.test\", client_certificate = \"gateway.pem\", client_key = \"gateway.key\" }}\n",
        showing(&authority).await
    );
    let file = authority.file("gateway.toml");
    fs::write(&file, document).unwrap();
    let document = Document::read(&file).unwrap();
    let balancer = Balancer::new(document.balancer.clone()).unwrap();
    let reloader = Reloader::start(&file, document, &balancer, &Served::default(), |_| ());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = socket.local_addr().unwrap();
    tokio::spawn(Listener::new(socket, reloader.live()).serve(future::pending(), Duration::ZERO));
    let shows = |pair: &Pair| {
        let hex: String = der(&pair.certificate).iter().map(|byte| format!("{byte:02x}")).collect();
        move |answer: &str| answer.starts_with("HTTP/1.1 200") && answer.ends_with(&hex)
    };
    assert!(shows(&pairs[0])(&ask(gateway).await));

    authority.write("gateway", &pairs[1]);
    until(gateway, shows(&pairs[1])).await;

    // Whoever is trusted no more is believed no more, also of sessions that were begun before.
    fs::copy(stranger.file("ca.pem"), authority.file("trusted.pem")).unwrap();
    until(gateway, |answer| answer.starts_with("HTTP/1.1 502") && answer.contains("CONNECT_FAILED")).await;
    fs::write(authority.file("trusted.pem"), &roots).unwrap();
    until(gateway, shows(&pairs[1])).await;
    drop(reloader);
}

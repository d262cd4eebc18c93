//! Clients that leave while their request is served: their seats are free again, whatever they have sent beside it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;

use std::time::Duration;

use tenantry::Balancer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// Takes requests and answers none.
async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(
                async move { while stream.read(&mut [0; 1_024]).await.is_ok_and(|read| read > 0) {} },
            );
        }
    });
    url
}

async fn until_in_flight(balancer: &Balancer, requests: u32) {
    let reached = async {
        while balancer.pool_stats("api").unwrap().in_flight() != requests {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), reached).await.expect("it is as many, sooner or later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_begun_its_next_request_leaves_as_others_do() {
    let document = format!(
        "[pools.api]\nendpoints = [{:?}]\n[tenants.acme]\n[gateway]\n[gateway.limits]\nheader_timeout = \"20ms\"\n",
        silent().await
    );
    let (gateway, balancer) = inside::gateway(&document).await;
    for more in ["", "G", "GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n\r\n"] {
        for resets in [false, true] {
            let mut stream = TcpStream::connect(gateway).await.unwrap();
            let request = format!("GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n\r\n{more}");
            stream.write_all(request.as_bytes()).await.unwrap();
            until_in_flight(&balancer, 1).await;
            // It is looked at, and stays.
            sleep(Duration::from_millis(100)).await;
            until_in_flight(&balancer, 1).await;
            if resets {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            until_in_flight(&balancer, 0).await;
        }
    }
}

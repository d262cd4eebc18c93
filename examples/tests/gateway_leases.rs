//! A seat is held to the last byte: of three streams through one seat, each begins when the one before it has ended.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// Streams three events over 0.3 s, and notes when it begins and when it has written the last.
async fn stream(mut connection: TcpStream, log: Log) {
    let mut bytes = [0; 4_096];
    while connection.read(&mut bytes).await.is_ok_and(|read| read > 0) {
        log.lock().unwrap().push("begins");
        connection.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        for _ in 0..3 {
            connection.write_all(b"5\r\nevent\r\n").await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        log.lock().unwrap().push("ends");
        connection.write_all(b"0\r\n\r\n").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_streams_through_one_seat_follow_each_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, log) = (format!("http://{}", listener.local_addr().unwrap()), Log::default());
    let shared = Arc::clone(&log);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(stream(connection, Arc::clone(&shared)));
        }
    });
    let document = format!("[pools.api]\nendpoints = [{url:?}]\ncapacity = 1\n[tenants.acme]\n");
    let (gateway, balancer) = inside::gateway(&document).await;
    let clients = [(); 3].map(|()| {
        tokio::spawn(async move {
            let mut client = TcpStream::connect(gateway).await.unwrap();
            let request = b"GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: close\r\n\r\n";
            client.write_all(request).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer.matches("event").count()
        })
    });
    for client in clients {
        assert_eq!(client.await.unwrap(), 3);
    }
    assert_eq!(*log.lock().unwrap(), ["begins", "ends"].repeat(3));
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
}

//! An upstream that reads a request byte by byte, and answers with bytes.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Reads until the request `is_whole`, and answers once on each connection. Its URL.
pub(crate) async fn answering(
    is_whole: fn(&[u8]) -> bool,
    answer: impl Fn(Vec<u8>) -> Vec<u8> + Clone + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut sent = Vec::new();
                while !is_whole(&sent) {
                    match stream.read_u8().await {
                        Ok(byte) => sent.push(byte),
                        Err(_) => return,
                    }
                }
                // A client may go away.
                stream.write_all(&answer(sent)).await.ok();
            });
        }
    });
    url
}

/// All until the empty line, or until nothing more comes.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// 200 with this body, and the end of the connection.
pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

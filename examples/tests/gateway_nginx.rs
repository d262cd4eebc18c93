//! The gateway's own program between curl and real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use folder::Folder;
use gateway_parts::process::free_address;
use support::{Gateway, Program, curl, program, succeed, until_listening};

const HUNDRED_MEGABYTES: usize = 100_000_000;

/// nginx with one folder to serve and to upload to.
struct Nginx {
    _program: Program,
    url: String,
}

impl Nginx {
    /// `None`, and a word about it, where nginx is not installed.
    fn start(folder: &Folder) -> Option<Self> {
        let Some(binary) = program("nginx") else {
            eprintln_left_out();
            return None;
        };
        let files = folder.join("files");
        fs::create_dir_all(&files).unwrap();
        let config = folder.join("nginx.conf");
        let port = free_address().unwrap().port();
        fs::write(&config, nginx_config(&files, &folder.join("body"), port)).unwrap();
        let mut start = Command::new(binary);
        start.arg("-p").arg(folder.join("")).arg("-c").arg(&config).arg("-e").arg(folder.join("error.log"));
        let mut child = start.spawn().unwrap();
        until_listening(port, &mut child);
        Some(Self { _program: Program { child }, url: format!("http://127.0.0.1:{port}") })
    }
}

/// One process in the foreground, all files in its own folder, so that any user can run it.
fn nginx_config(files: &Path, body: &Path, port: u16) -> String {
    let (files, body) = (files.display(), body.display());
    format!(
        "daemon off; master_process off; pid nginx.pid;
         events {{ worker_connections 256; }}
         http {{
             access_log off; client_max_body_size 0; sendfile on; keepalive_timeout 75;
             client_body_temp_path {body}; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             server {{ listen 127.0.0.1:{port}; root {files}; dav_methods PUT DELETE; }}
         }}"
    )
}

#[expect(clippy::print_stderr, reason = "what a run leaves out must be seen")]
fn eprintln_left_out() {
    eprintln!("LEFT OUT: a test of the gateway before nginx: nginx is not installed");
}

/// Bytes without a pattern that a lost or doubled block could hide in.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn assert_same(sent: &[u8], received: &Path) {
    let received = fs::read(received).unwrap();
    assert_eq!(received.len(), sent.len());
    assert!(received == sent, "same length, other bytes");
}

#[test]
fn a_hundred_megabytes_come_down_as_nginx_sends_them() {
    let folder = Folder::new("down");
    let Some(nginx) = Nginx::start(&folder) else { return };
    let gateway = Gateway::start(&folder, &nginx.url);
    let sent = noise(HUNDRED_MEGABYTES);
    fs::write(folder.join("files/large"), &sent).unwrap();
    let received = folder.join("received");
    succeed(curl(&[&format!("{}/large", gateway.url)]).arg("--output").arg(&received));
    assert_same(&sent, &received);
}

#[test]
fn a_hundred_megabytes_go_up_as_curl_sends_them_with_a_length_and_in_chunks() {
    let folder = Folder::new("up");
    let Some(nginx) = Nginx::start(&folder) else { return };
    let gateway = Gateway::start(&folder, &nginx.url);
    let sent = noise(HUNDRED_MEGABYTES);
    let file = folder.join("to-send");
    fs::write(&file, &sent).unwrap();
    succeed(curl(&[&format!("{}/with-length", gateway.url)]).arg("--upload-file").arg(&file));
    assert_same(&sent, &folder.join("files/with-length"));
    let chunked = [
        "--upload-file",
        "-",
        "--header",
        "transfer-encoding: chunked",
        &format!("{}/in-chunks", gateway.url),
    ];
    succeed(curl(&chunked).stdin(fs::File::open(&file).unwrap()));
    assert_same(&sent, &folder.join("files/in-chunks"));
}

#[test]
fn one_connection_serves_many_requests() {
    let folder = Folder::new("alive");
    let Some(nginx) = Nginx::start(&folder) else { return };
    let gateway = Gateway::start(&folder, &nginx.url);
    fs::write(folder.join("files/small"), "hello").unwrap();
    let url = format!("{}/small", gateway.url);
    let printed = succeed(&mut curl(&["--write-out", " %{num_connects}\n", &url, &url, &url]));
    assert_eq!(printed, "hello 1\nhello 0\nhello 0\n");
}

#[test]
fn ranges_conditions_and_heads_work_as_with_nginx_itself() {
    let folder = Folder::new("range");
    let Some(nginx) = Nginx::start(&folder) else { return };
    let gateway = Gateway::start(&folder, &nginx.url);
    fs::write(folder.join("files/small"), "0123456789").unwrap();
    let url = format!("{}/small", gateway.url);
    assert_eq!(succeed(&mut curl(&["--range", "2-4", &url])), "234");
    let head = succeed(&mut curl(&["--head", &url])).to_lowercase();
    assert!(head.contains("content-length: 10\r\n"), "{head}");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let condition = format!("if-none-match: {etag}");
    let status = succeed(&mut curl(&["--header", &condition, "--write-out", "%{http_code}", &url]));
    assert_eq!(status, "304");
}

/// Reads a request's head from a connection.
fn read_head(stream: &TcpStream) {
    let head = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(head.take_while(|line| !line.is_empty()).count() > 0);
}

#[test]
fn events_arrive_as_they_are_sent() {
    // The upstream sends an event only after curl has printed the one before it: no event may be held back.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, see) = mpsc::channel::<()>();
    let upstream = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&stream);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for number in 0..50 {
            let event = format!("data: {number:03}\n\n");
            write!(stream, "{:x}\r\n{event}\r\n", event.len()).unwrap();
            see.recv().unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });

    let folder = Folder::new("events");
    let gateway = Gateway::start(&folder, &format!("http://{address}"));
    let curl = curl(&["--no-buffer", &gateway.url]).stdout(Stdio::piped()).spawn().unwrap();
    let mut curl = Program { child: curl };
    let mut events = BufReader::new(curl.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    for number in 0..50 {
        assert_eq!(events.next(), Some(format!("data: {number:03}")));
        assert_eq!(events.next(), Some(String::new()));
        seen.send(()).unwrap();
    }
    assert_eq!(events.next(), None);
    assert!(curl.child.wait().unwrap().success());
    upstream.join().unwrap();
}

#[test]
fn an_interrupt_lets_what_is_in_flight_finish() {
    finishes_what_is_in_flight("drain", Gateway::start);
}

/// There it runs on one thread.
#[test]
fn on_one_processor_an_interrupt_lets_what_is_in_flight_finish_too() {
    finishes_what_is_in_flight("drain-on-one", Gateway::start_on_one_processor);
}

fn finishes_what_is_in_flight(name: &str, start: fn(&Folder, &str) -> Gateway) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, arrive) = mpsc::channel::<()>();
    let (release, released) = mpsc::channel::<()>();
    let upstream = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&stream);
        arrived.send(()).unwrap();
        released.recv().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nfinished").unwrap();
    });

    let folder = Folder::new(name);
    let mut gateway = start(&folder, &format!("http://{address}"));
    let curl = curl(&[&gateway.url]).stdout(Stdio::piped()).spawn().unwrap();
    let mut curl = Program { child: curl };
    arrive.recv().unwrap();
    gateway.interrupt();
    // It has heard it as soon as nobody is let in any more.
    let authority = gateway.url.trim_start_matches("http://").to_owned();
    while TcpStream::connect(&authority).is_ok() {
        thread::yield_now();
    }
    assert_eq!(gateway.program.child.try_wait().unwrap(), None, "it ended with a request in flight");
    release.send(()).unwrap();
    let mut body = String::new();
    curl.child.stdout.take().unwrap().read_to_string(&mut body).unwrap();
    assert_eq!(body, "finished");
    assert!(gateway.program.child.wait().unwrap().success());
    upstream.join().unwrap();
}

#[test]
fn a_broken_configuration_is_refused_by_path_value_and_fix() {
    let folder = Folder::new("broken");
    let gateway = Gateway::start(&folder, "http://127.0.0.1:9"); // so that the program is built
    let config = folder.join("broken.toml");
    fs::write(&config, "[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\nlisten = \"here\"\n").unwrap();
    let output = gateway.program_again().arg("--config").arg(&config).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("broken.toml: gateway.listen: \"here\""), "{said}");
}

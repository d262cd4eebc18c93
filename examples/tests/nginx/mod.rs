//! Debian's nginx as an upstream, ended by its own id with its test.

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use gateway_parts::process::found;

/// Where nginx is; `None`, and a word about it, where it is not installed.
#[expect(clippy::print_stderr, reason = "what a run leaves out must be seen")]
pub(crate) fn program() -> Option<PathBuf> {
    let program = found("nginx").ok();
    if program.is_none() {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "nginx is not installed, and CI needs it");
        eprintln!("LEFT OUT: a test with nginx: nginx is not installed");
    }
    program
}

/// A port that is free now, and so in a moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One that runs.
pub(crate) struct Nginx(Child);

impl Nginx {
    /// Starts it in a folder of its own; ready once it accepts connections at the port. `server` is what stands in the server's block beside `listen`.
    pub(crate) fn start(program: &Path, folder: &Path, port: u16, listen: &str, server: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let config = format!(
            "daemon off; master_process off; pid nginx.pid;
             events {{ worker_connections 256; }}
             http {{
                 access_log off;
                 client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                 uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                 server {{ listen 127.0.0.1:{port} {listen}; {server} }}
             }}"
        );
        fs::write(folder.join("nginx.conf"), config).unwrap();
        let mut start = Command::new(program);
        start.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
        let mut nginx = Self(start.arg("-e").arg(folder.join("error.log")).spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert_eq!(nginx.0.try_wait().unwrap(), None, "nginx has ended");
            assert!(Instant::now() < end, "nginx does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

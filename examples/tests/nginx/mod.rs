//! Debian's nginx as an upstream, ended by its own id with its test.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use gateway_parts::process::{Running, found};

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

/// Starts it in a folder of its own; ready once it accepts connections. `listen` stands behind the address, `server` in the server's block.
pub(crate) fn start(
    program: &Path,
    folder: &Path,
    address: SocketAddr,
    listen: &str,
    server: &str,
) -> Running {
    fs::create_dir_all(folder).unwrap();
    let config = format!(
        "daemon off; master_process off; pid nginx.pid;
         events {{ worker_connections 256; }}
         http {{
             access_log off;
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             server {{ listen {address} {listen}; {server} }}
         }}"
    );
    fs::write(folder.join("nginx.conf"), config).unwrap();
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    command.arg("-e").arg(folder.join("error.log"));
    Running::start(&mut command, address, folder).unwrap()
}

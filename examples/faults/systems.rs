//! What stands before the upstreams, each as a process of its own, with the settings that its own documentation recommends.

use std::{
    env, fs, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use gateway_parts::process::found;
use tokio::{net::TcpStream, time::sleep};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Nginx,
    HaProxy,
    Tenantry,
}

pub(crate) const SYSTEMS: [System; 3] = [System::Nginx, System::HaProxy, System::Tenantry];

impl System {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "HAProxy",
            Self::Tenantry => "Tenantry",
        }
    }

    /// Why this machine cannot run it.
    pub(crate) fn missing(self) -> Option<String> {
        let program = match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "haproxy",
            Self::Tenantry => return None,
        };
        found(program).err().map(|error| error.to_string())
    }

    /// Starts it; ready once it accepts connections.
    pub(crate) async fn start(self, upstreams: &[SocketAddr], folder: &Path) -> io::Result<Running> {
        // Free now, and so in a moment.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.join(match self {
            Self::Nginx => "nginx.conf",
            Self::HaProxy => "haproxy.cfg",
            Self::Tenantry => "tenantry.toml",
        });
        let (text, mut command) = match self {
            Self::Nginx => (nginx(address, upstreams), Command::new(found("nginx")?)),
            Self::HaProxy => (haproxy(address, upstreams), Command::new(found("haproxy")?)),
            Self::Tenantry => (tenantry(address, upstreams), Command::new(env::current_exe()?)),
        };
        match self {
            Self::Nginx => command.arg("-p").arg(folder).arg("-c").arg(&config),
            Self::HaProxy => command.arg("-db").arg("-f").arg(&config),
            Self::Tenantry => command.arg("gateway").arg(&config),
        };
        fs::write(&config, text)?;
        let log = fs::File::create(folder.join("log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut running = Running { child, address };
        running.wait(folder).await?;
        Ok(running)
    }
}

/// A running one, ended by its own id when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    async fn wait(&mut self, folder: &Path) -> io::Result<()> {
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.address).await.is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > end {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("it did not start: {log}")));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Passive checks only: active ones are not in the free edition. Every request may be tried at all three.
fn nginx(listen: SocketAddr, upstreams: &[SocketAddr]) -> String {
    let servers: String =
        upstreams.iter().map(|address| format!("server {address} max_fails=1 fail_timeout=1s; ")).collect();
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind}; "))
        .concat();
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; {folders}
  upstream pool {{ least_conn; {servers} keepalive 64; }}
  server {{
    listen {listen} backlog=4096;
    location / {{
      proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_connect_timeout 500ms; proxy_send_timeout 500ms; proxy_read_timeout 500ms;
      proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504;
      proxy_next_upstream_tries 3;
    }}
  }}
}}
"
    )
}

/// Active checks every second, the agent of real traffic (`observe`), and retries elsewhere.
fn haproxy(listen: SocketAddr, upstreams: &[SocketAddr]) -> String {
    let servers: String = upstreams
        .iter()
        .enumerate()
        .map(|(number, address)| format!("  server s{number} {address}\n"))
        .collect();
    format!(
        "global
  nbthread 1
defaults
  mode http
  timeout connect 500ms
  timeout client 30s
  timeout server 500ms
  timeout check 500ms
  option redispatch 1
  retries 3
  retry-on all-retryable-errors
frontend all
  bind {listen} backlog 4096
  default_backend pool
backend pool
  balance leastconn
  option httpchk GET /healthz
  default-server check inter 1s fastinter 250ms fall 3 rise 2 observe layer7 error-limit 5 on-error mark-down
{servers}"
    )
}

/// Addresses, checks every second, retries, and no longer a memory of latencies than nginx has of failures here.
fn tenantry(listen: SocketAddr, upstreams: &[SocketAddr]) -> String {
    let endpoints =
        upstreams.iter().map(|address| format!("\"http://{address}\"")).collect::<Vec<_>>().join(", ");
    format!(
        "[pools.api]
endpoints = [{endpoints}]
latency_decay = \"1s\"
health = {{ probe = {{ http = \"/healthz\", every = \"1s\", timeout = \"500ms\" }} }}

[tenants.acme]

[gateway]
listen = \"{listen}\"
identify = {{ header = \"x-tenant\" }}
routes = [{{ path = \"/\", pool = \"api\", retry = {{ attempts = 3, try_timeout = \"500ms\", internal_errors = true }} }}]
"
    )
}

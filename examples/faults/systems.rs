//! What stands before the upstreams, each as a process of its own, with the settings that its own documentation recommends.

use std::{env, fs, io, net::SocketAddr, path::Path, process::Command};

use gateway_parts::process::{Running, found, free_address};

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
    pub(crate) fn start(self, upstreams: &[SocketAddr], folder: &Path) -> io::Result<Running> {
        let address = free_address()?;
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
        Running::start(&mut command, address, folder)
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

//! What stands between the tenants and the upstreams: nginx, HAProxy, Tenantry, each as a process of its own.

use std::{env, fs, io, net::SocketAddr, path::Path, process::Command};

use gateway_parts::process::{Running, found, free_address};

/// One way to serve tenants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System {
    pub(crate) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// What stands in `http`, and in `location`.
    Nginx {
        http: &'static str,
        location: &'static str,
    },
    /// What stands in `frontend`, and after each server.
    HaProxy {
        frontend: &'static str,
        server: &'static str,
    },
    Tenantry,
}

/// All of them, those that isolate nobody first.
pub(crate) const SYSTEMS: [System; 8] = [
    System { name: "nginx plain", kind: Kind::Nginx { http: "", location: "" } },
    System { name: "HAProxy plain", kind: Kind::HaProxy { frontend: "", server: "" } },
    System {
        name: "nginx limit_req 300/s",
        kind: Kind::Nginx {
            http: "limit_req_zone $http_x_tenant zone=rate:1m rate=300r/s; limit_req_status 429;",
            location: "limit_req zone=rate burst=30 nodelay;",
        },
    },
    System {
        name: "nginx limit_conn 6",
        kind: Kind::Nginx {
            http: "limit_conn_zone $http_x_tenant zone=held:1m; limit_conn_status 429;",
            location: "limit_conn held 6;",
        },
    },
    System {
        name: "HAProxy http_req_rate 300/s",
        kind: Kind::HaProxy {
            frontend: "http-request deny deny_status 429 if { sc_http_req_rate(0) gt 300 }",
            server: "",
        },
    },
    System {
        name: "HAProxy gpc0_rate 300/s",
        kind: Kind::HaProxy {
            frontend: "http-request deny deny_status 429 if { sc_gpc0_rate(0) ge 300 }\n  http-request sc-inc-gpc0(0)",
            server: "",
        },
    },
    System {
        name: "HAProxy queue + priorities",
        kind: Kind::HaProxy {
            frontend: "http-request set-priority-class int(10) if { sc_http_req_rate(0) gt 200 }",
            server: "maxconn 4",
        },
    },
    System { name: "Tenantry, defaults", kind: Kind::Tenantry },
];

impl System {
    pub(crate) const fn is_tenantry(&self) -> bool {
        matches!(self.kind, Kind::Tenantry)
    }

    /// The program that it needs and this machine may lack.
    pub(crate) const fn needs(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Nginx { .. } => Some("nginx"),
            Kind::HaProxy { .. } => Some("haproxy"),
            Kind::Tenantry => None,
        }
    }

    /// Starts it before the upstreams; ready once it accepts connections.
    pub(crate) fn start(&self, upstreams: &[SocketAddr], folder: &Path) -> io::Result<Running> {
        let address = free_address()?;
        let mut command = match self.kind {
            Kind::Nginx { http, location } => {
                let config = folder.join("nginx.conf");
                fs::write(&config, nginx(address, upstreams, http, location))?;
                let mut command = Command::new(found("nginx")?);
                command.arg("-p").arg(folder).arg("-c").arg(config);
                command
            }
            Kind::HaProxy { frontend, server } => {
                let config = folder.join("haproxy.cfg");
                fs::write(&config, haproxy(address, upstreams, frontend, server))?;
                let mut command = Command::new(found("haproxy")?);
                command.arg("-db").arg("-f").arg(config);
                command
            }
            Kind::Tenantry => {
                let mut command = Command::new(env::current_exe()?);
                command.arg("tenantry").arg("--listen").arg(address.to_string());
                command.arg("--stats").arg(folder.join("tenantry.csv"));
                command.args(upstreams.iter().map(SocketAddr::to_string));
                command
            }
        };
        Running::start(&mut command, address, folder)
    }
}

fn nginx(listen: SocketAddr, upstreams: &[SocketAddr], http: &str, location: &str) -> String {
    let servers: String = upstreams.iter().map(|address| format!("server {address}; ")).collect();
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind}; "))
        .concat();
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log crit;
worker_rlimit_nofile {FILES};
events {{ worker_connections {FILES}; }}
http {{
  access_log off; keepalive_requests 1000000000; {folders}
  {http}
  upstream pool {{ least_conn; {servers} keepalive 512; }}
  server {{
    listen {listen} backlog=4096;
    location / {{
      {location}
      proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection \"\";
    }}
  }}
}}
"
    )
}

fn haproxy(listen: SocketAddr, upstreams: &[SocketAddr], frontend: &str, server: &str) -> String {
    let servers: String = upstreams
        .iter()
        .enumerate()
        .map(|(number, address)| format!("  server s{number} {address} {server}\n"))
        .collect();
    format!(
        "global
  nbthread 1
  maxconn {CONNECTIONS}
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout queue 200ms
frontend tenants
  bind {listen} backlog 4096
  http-request track-sc0 req.hdr(x-tenant) table rates
  {frontend}
  default_backend pool
backend rates
  stick-table type string len 32 size 1k expire 60s store gpc0,gpc0_rate(1s),http_req_rate(1s)
backend pool
  balance leastconn
{servers}"
    )
}

const FILES: u32 = 20_000;
const CONNECTIONS: u32 = 9_000;

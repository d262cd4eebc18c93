//! What stands before the upstreams, each as a process of its own, with the settings that its own documentation recommends.

use std::{env, fs, io, net::SocketAddr, path::Path, process::Command};

use gateway_parts::process::{Running, found, free_address};

use crate::{authority, name_server, terms::Terms, upstreams::Reached};

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
    pub(crate) fn start(self, upstreams: &Reached, terms: Terms, folder: &Path) -> io::Result<Running> {
        let address = free_address()?;
        let config = folder.join(match self {
            Self::Nginx => "nginx.conf",
            Self::HaProxy => "haproxy.cfg",
            Self::Tenantry => "tenantry.toml",
        });
        let (text, mut command) = match self {
            Self::Nginx => (nginx(address, upstreams, terms.attempt_ms()), Command::new(found("nginx")?)),
            Self::HaProxy => {
                (haproxy(address, upstreams, terms.attempt_ms()), Command::new(found("haproxy")?))
            }
            Self::Tenantry => {
                (tenantry(address, upstreams, terms.attempt_ms()), Command::new(env::current_exe()?))
            }
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
fn nginx(listen: SocketAddr, upstreams: &Reached, attempt_ms: u32) -> String {
    let servers = |addresses: &[SocketAddr]| {
        let server = |address| format!("server {address} max_fails=1 fail_timeout=1s; ");
        let servers: String = addresses.iter().map(server).collect();
        format!("upstream pool {{ least_conn; {servers} keepalive 64; }}")
    };
    let (upstream, pass) = match upstreams {
        Reached::Address(addresses) => (servers(addresses), "proxy_pass http://pool;".to_owned()),
        Reached::Tls(addresses, roots) => {
            let verify = format!(
                "proxy_pass https://pool; proxy_ssl_verify on; proxy_ssl_trusted_certificate {}; proxy_ssl_name {}; proxy_ssl_server_name on;",
                roots.display(),
                authority::NAME
            );
            (servers(addresses), verify)
        }
        // A name that is not in a variable is looked up at the start, and never again.
        Reached::Name { name_server, port } => (
            format!("resolver {name_server} valid=1s ipv6=off;"),
            format!("set $name {}; proxy_pass http://$name:{port};", name_server::NAME),
        ),
    };
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind}; "))
        .concat();
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; {folders}
  {upstream}
  server {{
    listen {listen} backlog=4096;
    location / {{
      {pass} proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_connect_timeout {attempt_ms}ms; proxy_send_timeout {attempt_ms}ms; proxy_read_timeout {attempt_ms}ms;
      proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504;
      proxy_next_upstream_tries 3;
    }}
  }}
}}
"
    )
}

/// Active checks every second, the agent of real traffic (`observe`), and retries elsewhere.
fn haproxy(listen: SocketAddr, upstreams: &Reached, attempt_ms: u32) -> String {
    let servers = |addresses: &[SocketAddr], more: &str| -> String {
        let server = |(number, address)| format!("  server s{number} {address} {more}\n");
        addresses.iter().enumerate().map(server).collect()
    };
    let (resolvers, servers) = match upstreams {
        Reached::Address(addresses) => (String::new(), servers(addresses, "")),
        Reached::Tls(addresses, roots) => {
            let name = authority::NAME;
            let verify = format!(
                "ssl verify required ca-file {} sni str({name}) verifyhost {name} check-sni {name}",
                roots.display()
            );
            (String::new(), servers(addresses, &verify))
        }
        Reached::Name { name_server, port } => (
            format!(
                "resolvers names
  nameserver own {name_server}
  timeout resolve 1s
  timeout retry 500ms
  hold valid 1s
"
            ),
            format!(
                "  server-template s 3 {}:{port} resolvers names resolve-prefer ipv4 init-addr none\n",
                name_server::NAME
            ),
        ),
    };
    format!(
        "global
  nbthread 1
{resolvers}defaults
  mode http
  timeout connect {attempt_ms}ms
  timeout client 30s
  timeout server {attempt_ms}ms
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

/// Addresses, checks every second and as soon as HAProxy's in doubt, retries, and no longer a memory of latencies than nginx has of failures here.
fn tenantry(listen: SocketAddr, upstreams: &Reached, attempt_ms: u32) -> String {
    let endpoints = |scheme: &str, addresses: &[SocketAddr]| {
        let endpoints: Vec<_> = addresses.iter().map(|address| format!("\"{scheme}://{address}\"")).collect();
        endpoints.join(", ")
    };
    let (endpoints, more) = match upstreams {
        Reached::Address(addresses) => (endpoints("http", addresses), String::new()),
        Reached::Tls(addresses, roots) => (
            endpoints("https", addresses),
            format!(
                "[gateway.upstream.api]\ntls = {{ ca = {roots:?}, server_name = {:?} }}\n",
                authority::NAME
            ),
        ),
        Reached::Name { name_server, port } => (
            String::new(),
            format!(
                "[gateway.discovery.api]\ndns = \"http://{}:{port}\"\nname_servers = [\"{name_server}\"]\nfamily = \"ipv4\"\nfloor = \"1s\"\n",
                name_server::NAME
            ),
        ),
    };
    format!(
        "[pools.api]
endpoints = [{endpoints}]
latency_decay = \"1s\"
health = {{ probe = {{ http = \"/healthz\", every = \"1s\", every_in_doubt = \"250ms\", timeout = \"500ms\" }} }}

[tenants.acme]

[gateway]
listen = \"{listen}\"
identify = {{ header = \"x-tenant\" }}
routes = [{{ path = \"/\", pool = \"api\", retry = {{ attempts = 3, try_timeout = \"{attempt_ms}ms\", internal_errors = true }} }}]

{more}"
    )
}

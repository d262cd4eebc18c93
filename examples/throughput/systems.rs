//! What stands between the load and the upstreams: each a process of its own, on one core.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use gateway_parts::process::{Running, found, free_address};

use crate::PROXY_CORE;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Nginx,
    NginxWithLimits,
    HaProxy,
    HaProxyWithTable,
    Hyper,
    Tenantry,
    /// The same, built by `make pgo`.
    Trained,
}

/// All of them.
pub(crate) const SYSTEMS: [System; 7] = [
    System::Nginx,
    System::NginxWithLimits,
    System::HaProxy,
    System::HaProxyWithTable,
    System::Hyper,
    System::Tenantry,
    System::Trained,
];

/// How one is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    /// A program that runs it, with arguments; empty: it runs by itself.
    pub(crate) under: &'a [String],
    pub(crate) upstreams: &'a [SocketAddr],
    pub(crate) folder: &'a Path,
}

impl System {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx, least_conn",
            Self::NginxWithLimits => "nginx, limit_req and limit_conn",
            Self::HaProxy => "HAProxy, leastconn",
            Self::HaProxyWithTable => "HAProxy, stick table",
            Self::Hyper => "plain hyper, round robin",
            Self::Tenantry => "Tenantry, everything on",
            Self::Trained => "Tenantry, the same by make pgo",
        }
    }

    /// The program that it needs and this machine may lack.
    pub(crate) const fn needs(self) -> Option<&'static str> {
        match self {
            Self::Nginx | Self::NginxWithLimits => Some("nginx"),
            Self::HaProxy | Self::HaProxyWithTable => Some("haproxy"),
            Self::Hyper | Self::Tenantry | Self::Trained => None,
        }
    }

    /// Starts it before the upstreams; ready once it accepts connections.
    pub(crate) fn start(self, start: &Start<'_>) -> io::Result<Running> {
        let address = free_address()?;
        let mut command = match self {
            Self::Nginx => start.nginx(address, "", "")?,
            Self::NginxWithLimits => start.nginx(address, NGINX_ZONES, NGINX_LIMITS)?,
            Self::HaProxy => start.haproxy(address, "", "")?,
            Self::HaProxyWithTable => start.haproxy(address, HAPROXY_RULES, HAPROXY_TABLE)?,
            Self::Hyper => start.hyper(address)?,
            Self::Tenantry => start.tenantry(address, &beside("gateway")?)?,
            Self::Trained => start.tenantry(address, &trained()?)?,
        };
        Running::start(&mut command, address, start.folder)
    }
}

/// A program that runs on one core only.
pub(crate) fn on_core(core: usize, program: impl AsRef<OsStr>) -> io::Result<Command> {
    let mut command = Command::new(found("taskset")?);
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    Ok(command)
}

impl Start<'_> {
    /// A proxy's program, on its core.
    fn proxy(&self, program: impl AsRef<OsStr>) -> io::Result<Command> {
        let Some((first, arguments)) = self.under.split_first() else { return on_core(PROXY_CORE, program) };
        let mut command = on_core(PROXY_CORE, first)?;
        command.args(arguments).arg(program);
        Ok(command)
    }

    fn hyper(&self, listen: SocketAddr) -> io::Result<Command> {
        let mut command = self.proxy(env::current_exe()?)?;
        command.arg("hyper").arg("--listen").arg(listen.to_string());
        command.args(self.upstreams.iter().map(SocketAddr::to_string));
        Ok(command)
    }

    fn nginx(&self, listen: SocketAddr, zones: &str, limits: &str) -> io::Result<Command> {
        let folder = self.folder;
        let servers: String = self.upstreams.iter().map(|address| format!("server {address}; ")).collect();
        let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind}; "))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; {folders}
  {zones}
  upstream pool {{ least_conn; {servers} keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen {listen} backlog=4096;
    location / {{
      {limits}
      proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection \"\";
    }}
  }}
}}
"
        );
        let config = folder.join("nginx.conf");
        fs::write(&config, text)?;
        let mut command = self.proxy(found("nginx")?)?;
        command.arg("-p").arg(folder).arg("-c").arg(config);
        Ok(command)
    }

    fn haproxy(&self, listen: SocketAddr, rules: &str, table: &str) -> io::Result<Command> {
        let folder = self.folder;
        let servers: String = self
            .upstreams
            .iter()
            .enumerate()
            .map(|(number, address)| format!("  server s{number} {address}\n"))
            .collect();
        let text = format!(
            "global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
frontend tenants
  bind {listen} backlog 4096
{rules}  default_backend pool
{table}backend pool
  balance leastconn
{servers}"
        );
        let config = folder.join("haproxy.cfg");
        fs::write(&config, text)?;
        let mut command = self.proxy(found("haproxy")?)?;
        command.arg("-db").arg("-f").arg(config);
        Ok(command)
    }

    /// The gateway as its users run it.
    fn tenantry(&self, listen: SocketAddr, program: &Path) -> io::Result<Command> {
        // Where it is slow for being counted, nobody is to wait for a seat: all that is counted are requests that are served at once.
        let capacity = if self.under.is_empty() { "" } else { "capacity = 200" };
        let config = gateway_config(self.folder, self.upstreams, (listen, ""), capacity)?;
        let mut command = self.proxy(program)?;
        command.arg("--config").arg(config);
        Ok(command)
    }
}

/// Leaves the gateway's document in the folder: one pool, any tenant within limits, and whatever else its listener is to have.
pub(crate) fn gateway_config(
    folder: &Path,
    upstreams: &[SocketAddr],
    (listen, settings): (SocketAddr, &str),
    capacity: &str,
) -> io::Result<PathBuf> {
    let endpoints = upstreams.iter().map(|address| format!("\"http://{address}\"")).collect::<Vec<_>>();
    let (endpoints, admin) = (endpoints.join(", "), free_address()?);
    let text = format!(
        "unknown_tenants = {{ template = \"any\", max = 100000 }}

[pools.api]
endpoints = [{endpoints}]
{capacity}

[templates.any]
rate = \"1000000/s\"
max_in_flight = 100000

[gateway]
listen = \"{listen}\"
admin = \"{admin}\"
identify = {{ header = \"x-tenant\" }}
routes = [{{ path = \"/\", pool = \"api\" }}]
{settings}
"
    );
    let config = folder.join("tenantry.toml");
    fs::write(&config, text)?;
    Ok(config)
}

/// The systems that are there to be run: what `make pgo` builds is left out where it has not been.
pub(crate) fn built() -> impl Iterator<Item = System> {
    SYSTEMS.into_iter().filter(|system| *system != System::Trained || trained().is_ok())
}

/// What `make pgo` leaves.
fn trained() -> io::Result<PathBuf> {
    beside("gateway-pgo")
}

/// Another example of this package, built before this one was started.
fn beside(name: &str) -> io::Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(io::Error::other(format!("{} is not built: cargo build --release --examples", path.display())))
}

const NGINX_ZONES: &str = "limit_req_zone $http_x_tenant zone=rate:1m rate=1000000r/s; limit_conn_zone $http_x_tenant zone=held:1m; limit_req_status 429; limit_conn_status 429;";
const NGINX_LIMITS: &str = "limit_req zone=rate burst=100000 nodelay; limit_conn held 10000;";
const HAPROXY_RULES: &str = "  http-request track-sc0 req.hdr(x-tenant) table rates
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }
";
const HAPROXY_TABLE: &str = "backend rates
  stick-table type string len 32 size 1k expire 60s store http_req_rate(1s)
";

//! The three upstreams: processes that are started, told, signalled, moved and ended by their own ids.

use std::{
    env, fs,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use gateway_parts::process::found;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{net::TcpStream, time::sleep};

use crate::{
    authority::{self, Identity},
    name_server::NameServer,
    upstream::Mode,
};

/// What they are, and how whoever stands before them is told of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This program, by its addresses.
    Plain,
    /// The same over TLS.
    Secure,
    /// The same by a name.
    Named,
    /// nginx before this program, by its addresses.
    Nginx,
}

/// How they are reached.
#[derive(Clone, Debug)]
pub(crate) enum Reached {
    Address(Vec<SocketAddr>),
    /// Their certificates lead to these roots.
    Tls(Vec<SocketAddr>, PathBuf),
    /// Whatever a name server says; all at one port.
    Name {
        name_server: SocketAddr,
        port: u16,
    },
}

/// Three of them, each at an address that it keeps when it is started again.
#[derive(Debug)]
pub(crate) struct Upstreams {
    kind: Kind,
    addresses: Vec<SocketAddr>,
    /// Where the first one may move to, and what nginx stands before.
    spare: SocketAddr,
    running: [Option<Child>; 3],
    application: Option<Child>,
    names: NameServer,
    folder: PathBuf,
}

impl Upstreams {
    /// Starts them; ready once they accept connections. What they need is in the folder.
    pub(crate) async fn launch(kind: Kind, folder: &Path) -> io::Result<Self> {
        let mut addresses = free_addresses(kind)?;
        let spare = addresses.split_off(3)[0];
        if kind == Kind::Secure {
            authority::write(folder)?;
        }
        let (running, names) = ([const { None }; 3], NameServer::start().await?);
        let folder = folder.to_owned();
        let mut upstreams = Self { kind, addresses, spare, running, application: None, names, folder };
        if kind == Kind::Nginx {
            upstreams.application = Some(started(own(spare, "application")?, spare).await?);
        }
        for place in 0..3 {
            upstreams.start(place).await?;
        }
        upstreams.name();
        Ok(upstreams)
    }

    pub(crate) fn reached(&self) -> Reached {
        match self.kind {
            Kind::Plain | Kind::Nginx => Reached::Address(self.addresses.clone()),
            Kind::Secure => Reached::Tls(self.addresses.clone(), self.folder.join(authority::ROOTS)),
            Kind::Named => {
                Reached::Name { name_server: self.names.address(), port: self.addresses[0].port() }
            }
        }
    }

    pub(crate) async fn start(&mut self, place: usize) -> io::Result<()> {
        self.start_as(place, Identity::Own).await
    }

    /// Starts one that shows this certificate, where they speak TLS.
    pub(crate) async fn start_as(&mut self, place: usize, identity: Identity) -> io::Result<()> {
        let address = self.addresses[place];
        let command = match self.kind {
            Kind::Plain | Kind::Named => own(address, &place.to_string())?,
            Kind::Secure => self.secure(place, identity)?,
            Kind::Nginx => self.nginx(place)?,
        };
        self.running[place] = Some(started(command, address).await?);
        Ok(())
    }

    fn secure(&self, place: usize, identity: Identity) -> io::Result<Command> {
        let mut command = own(self.addresses[place], &place.to_string())?;
        let file = |extension| self.folder.join(format!("{}.{extension}", identity.name()));
        command.arg("--certificate").arg(file("pem")).arg("--key").arg(file("key"));
        Ok(command)
    }

    fn nginx(&self, place: usize) -> io::Result<Command> {
        let folder = self.folder.join(format!("upstream-{place}"));
        fs::create_dir_all(&folder)?;
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream application {{ server {}; keepalive 64; }}
  server {{
    listen {} backlog=4096;
    location / {{
      proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_hide_header x-upstream; add_header x-upstream {place};
    }}
  }}
}}
",
            self.spare, self.addresses[place]
        );
        fs::write(folder.join("nginx.conf"), config)?;
        let mut command = Command::new(found("nginx")?);
        command.arg("-p").arg(&folder).arg("-c").arg(folder.join("nginx.conf"));
        command.arg("-e").arg(folder.join("error.log"));
        Ok(command)
    }

    /// The first one is started at another address, the name follows at once, and so does the end of who was there.
    pub(crate) async fn move_first(&mut self) -> io::Result<()> {
        let before = self.running[0].take();
        std::mem::swap(&mut self.addresses[0], &mut self.spare);
        let started = self.start(0).await;
        self.name();
        before.map_or(Ok(()), end_now)?;
        started
    }

    /// Lets the name lead to where they are.
    fn name(&self) {
        let address = |address: &SocketAddr| match address.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        self.names.set(self.addresses.iter().filter_map(address).collect());
    }

    pub(crate) fn kill(&mut self, place: usize) -> io::Result<()> {
        self.running[place].take().map_or(Ok(()), end_now)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn end(&mut self, place: usize) -> io::Result<()> {
        self.signal(place, Signal::TERM)?;
        let Some(mut child) = self.running[place].take() else { return Ok(()) };
        while child.try_wait()?.is_none() {
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    pub(crate) fn stop(&self, place: usize) -> io::Result<()> {
        self.signal(place, Signal::STOP)
    }

    pub(crate) fn resume(&self, place: usize) -> io::Result<()> {
        self.signal(place, Signal::CONT)
    }

    pub(crate) fn tell(&mut self, place: usize, mode: Mode) -> io::Result<()> {
        let input = self.running[place].as_mut().and_then(|child| child.stdin.as_mut());
        input.map_or(Ok(()), |input| writeln!(input, "{}", mode.name()))
    }

    fn signal(&self, place: usize, signal: Signal) -> io::Result<()> {
        let Some(child) = &self.running[place] else { return Ok(()) };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("a process has an id"))?;
        Ok(kill_process(pid, signal)?)
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        for place in 0..3 {
            // It may have ended by itself.
            self.kill(place).ok();
        }
        self.application.take().map(end_now);
    }
}

/// This program as an upstream.
fn own(address: SocketAddr, name: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("upstream").arg("--listen").arg(address.to_string()).arg("--name").arg(name);
    Ok(command)
}

/// Starts it; ready once it accepts connections.
async fn started(mut command: Command, address: SocketAddr) -> io::Result<Child> {
    let child = command.stdin(Stdio::piped()).spawn()?;
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).await.is_err() {
        if Instant::now() > end {
            end_now(child)?;
            return Err(io::Error::other(format!("the upstream at {address} did not start")));
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(child)
}

fn end_now(mut child: Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

/// Three and a spare one, free now, and so in a moment; behind a name all at one port, as machines have it.
fn free_addresses(kind: Kind) -> io::Result<Vec<SocketAddr>> {
    let machine = |number| Ipv4Addr::new(127, 0, 0, number);
    let mut problem = None;
    for _ in 0..ATTEMPTS {
        let first = TcpListener::bind((machine(2), 0))?;
        let port = if kind == Kind::Named { first.local_addr()?.port() } else { 0 };
        let others = (3..6).map(|number| TcpListener::bind((machine(number), port)));
        match others.collect::<io::Result<Vec<_>>>() {
            Ok(others) => {
                return std::iter::once(&first).chain(&others).map(TcpListener::local_addr).collect();
            }
            Err(taken) => problem = Some(taken),
        }
    }
    Err(problem.unwrap_or_else(|| io::Error::other("no port is free")))
}

/// Somebody else may have the port at one of the other addresses.
const ATTEMPTS: usize = 20;

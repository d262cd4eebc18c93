//! Programs that this machine may have, and servers that run in processes of their own.

use std::{
    env, fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Where a program is.
///
/// # Errors
/// When it is neither in `PATH` nor where Debian keeps servers.
pub fn found(name: &str) -> io::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let file = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    file.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{name} is not installed")))
}

/// What of a comparison's systems is to run: those whose names contain `only`, in whatever case, and of these the ones whose program this machine has; beside them why it cannot run the others.
/// Of a system there are its name and the program that it needs, if any.
///
/// # Errors
/// When `only` is in no name.
pub fn present<S>(
    systems: impl IntoIterator<Item = S>,
    only: &str,
    of: impl Fn(&S) -> (&'static str, Option<&'static str>),
) -> io::Result<(Vec<S>, Vec<String>)> {
    let (mut present, mut missing, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for system in systems {
        let (name, needs) = of(&system);
        names.push(name);
        if !name.to_lowercase().contains(&only.to_lowercase()) {
            continue;
        }
        match needs.map(found) {
            Some(Err(problem)) => missing.push(format!("{name}: {problem}")),
            _ => present.push(system),
        }
    }
    if present.is_empty() && missing.is_empty() {
        let names = names.join(", ");
        return Err(io::Error::other(format!("--only: {only:?} is in no name; the systems are: {names}")));
    }
    Ok((present, missing))
}

/// Where cargo builds: an example is in `target/<profile>/examples`.
#[must_use]
pub fn target() -> PathBuf {
    let program = env::current_exe().ok();
    let target = program.as_deref().and_then(|program| program.ancestors().nth(3));
    target.map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// A port of the loopback address that is free now, and so in a moment.
///
/// # Errors
/// When none is to be had.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// A server in a process of its own, ended by its own id when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts it; ready once it accepts connections at `address`. What it prints goes to `log` in the folder.
    ///
    /// # Errors
    /// When it cannot be started, ends, or accepts nothing within 10 s; with what it has printed.
    pub fn start(command: &mut Command, address: SocketAddr, folder: &Path) -> io::Result<Self> {
        let path = folder.join("log");
        let log = fs::File::create(&path)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut running = Self { child, address };
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            if running.child.try_wait()?.is_some() || Instant::now() > end {
                let log = fs::read_to_string(path).unwrap_or_default();
                return Err(io::Error::other(format!("it did not start: {log}")));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Asks it to end (`SIGTERM`) and waits until it has.
    ///
    /// # Errors
    /// When it has not within 10 s, or ends with an error.
    pub fn stop(mut self) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(io::Error::other(format!("it ended with {status}"))),
                None if Instant::now() > end => return Err(io::Error::other("it did not end when asked to")),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How much CPU time it has taken so far: user and system.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10) // Linux counts hundredths of a second here, whatever the kernel's own tick
    }

    /// How much memory it has resident, in kilobytes.
    #[must_use]
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

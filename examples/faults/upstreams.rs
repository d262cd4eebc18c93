//! The three upstreams: processes of this program, started, told, signalled and ended by their own ids.

use std::{
    env,
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{net::TcpStream, time::sleep};

use crate::upstream::Mode;

/// Three of them, each at an address that it keeps when it is started again.
#[derive(Debug)]
pub(crate) struct Upstreams {
    addresses: Vec<SocketAddr>,
    running: Vec<Option<Child>>,
}

impl Upstreams {
    /// Starts them; ready once they accept connections.
    pub(crate) async fn launch() -> io::Result<Self> {
        // Free now, and so in a moment.
        let held: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
        let addresses = held.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        drop(held);
        let mut upstreams = Self { addresses, running: vec![None, None, None] };
        for place in 0..3 {
            upstreams.start(place).await?;
        }
        Ok(upstreams)
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(crate) async fn start(&mut self, place: usize) -> io::Result<()> {
        let address = self.addresses[place];
        let mut command = Command::new(env::current_exe()?);
        command.arg("upstream").arg("--listen").arg(address.to_string()).arg("--name").arg(place.to_string());
        self.running[place] = Some(command.stdin(Stdio::piped()).spawn()?);
        let end = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > end {
                return Err(io::Error::other(format!("the upstream at {address} did not start")));
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    pub(crate) fn kill(&mut self, place: usize) -> io::Result<()> {
        let Some(mut child) = self.running[place].take() else { return Ok(()) };
        child.kill()?;
        child.wait().map(drop)
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
    }
}

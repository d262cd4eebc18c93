//! What goes wrong, and how it becomes well again.

use std::{io, time::Duration};

use tokio::time::sleep;

use gateway_parts::process::found;

use crate::{
    authority::Identity,
    upstream::Mode,
    upstreams::{Kind, Upstreams},
};

/// One kind of fault, of the first of three upstreams unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// The process is killed, and started again.
    Kill,
    /// The process is stopped (`SIGSTOP`), and goes on.
    Stop,
    BlackHole,
    Reset,
    /// Ten times slower.
    Slow,
    /// 500 at once.
    FailFast,
    /// 500 at once, while health checks pass.
    Lie,
    /// The process ends in peace and is started again a second later.
    Restart,
    /// One after the other ends in peace and is started again.
    RollingRestart,
    /// It is started again with another party's certificate, and later with its own.
    Certificate,
    /// Its name leads to another address, where it is started, and later back; nobody is where it was.
    Move,
    /// The upstreams are nginx: its process is killed, and started again.
    Nginx,
}

pub(crate) const CASES: [Case; 12] = [
    Case::Kill,
    Case::Stop,
    Case::BlackHole,
    Case::Reset,
    Case::Slow,
    Case::FailFast,
    Case::Lie,
    Case::Restart,
    Case::RollingRestart,
    Case::Certificate,
    Case::Move,
    Case::Nginx,
];

impl Case {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::BlackHole => "black hole",
            Self::Reset => "reset",
            Self::Slow => "slow, 10 ×",
            Self::FailFast => "500 at once",
            Self::Lie => "500, checks pass",
            Self::Restart => "restart",
            Self::RollingRestart => "rolling restart",
            Self::Certificate => "TLS, wrong certificate",
            Self::Move => "DNS, name moves",
            Self::Nginx => "nginx upstream, kill",
        }
    }

    /// What its upstreams are.
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Certificate => Kind::Secure,
            Self::Move => Kind::Named,
            Self::Nginx => Kind::Nginx,
            _ => Kind::Plain,
        }
    }

    /// Why this machine cannot have its upstreams.
    pub(crate) fn missing(self) -> Option<String> {
        match self.kind() {
            Kind::Nginx => found("nginx").err().map(|error| error.to_string()),
            Kind::Plain | Kind::Secure | Kind::Named => None,
        }
    }

    /// Makes it so, for so long, and ends it.
    pub(crate) async fn happen(self, upstreams: &mut Upstreams, time: Duration) -> io::Result<()> {
        match self {
            Self::Kill | Self::Nginx => {
                upstreams.kill(0)?;
                sleep(time).await;
                upstreams.start(0).await
            }
            Self::Stop => {
                upstreams.stop(0)?;
                sleep(time).await;
                upstreams.resume(0)
            }
            Self::Restart => {
                upstreams.end(0).await?;
                sleep(Duration::from_secs(1)).await;
                upstreams.start(0).await?;
                sleep(time.saturating_sub(Duration::from_secs(1))).await;
                Ok(())
            }
            Self::RollingRestart => {
                for place in 0..3 {
                    upstreams.end(place).await?;
                    upstreams.start(place).await?;
                    sleep(Duration::from_secs(2)).await;
                }
                sleep(time.saturating_sub(Duration::from_secs(6))).await;
                Ok(())
            }
            Self::Certificate => {
                upstreams.end(0).await?;
                upstreams.start_as(0, Identity::Stranger).await?;
                sleep(time).await;
                upstreams.end(0).await?;
                upstreams.start(0).await
            }
            Self::Move => {
                upstreams.move_first().await?;
                sleep(time).await;
                upstreams.move_first().await
            }
            Self::BlackHole => with(upstreams, Mode::BlackHole, time).await,
            Self::Reset => with(upstreams, Mode::Reset, time).await,
            Self::Slow => with(upstreams, Mode::Slow, time).await,
            Self::FailFast => with(upstreams, Mode::Failing, time).await,
            Self::Lie => with(upstreams, Mode::Lying, time).await,
        }
    }
}

async fn with(upstreams: &mut Upstreams, mode: Mode, time: Duration) -> io::Result<()> {
    upstreams.tell(0, mode)?;
    sleep(time).await;
    upstreams.tell(0, Mode::Normal)
}

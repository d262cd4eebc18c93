//! What goes wrong, and how it becomes well again.

use std::{io, time::Duration};

use tokio::time::sleep;

use crate::{upstream::Mode, upstreams::Upstreams};

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
}

pub(crate) const CASES: [Case; 9] = [
    Case::Kill,
    Case::Stop,
    Case::BlackHole,
    Case::Reset,
    Case::Slow,
    Case::FailFast,
    Case::Lie,
    Case::Restart,
    Case::RollingRestart,
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
        }
    }

    /// Makes it so, for [`FAULT`], and ends it.
    pub(crate) async fn happen(self, upstreams: &mut Upstreams) -> io::Result<()> {
        match self {
            Self::Kill => {
                upstreams.kill(0)?;
                sleep(FAULT).await;
                upstreams.start(0).await
            }
            Self::Stop => {
                upstreams.stop(0)?;
                sleep(FAULT).await;
                upstreams.resume(0)
            }
            Self::Restart => {
                upstreams.end(0).await?;
                sleep(Duration::from_secs(1)).await;
                upstreams.start(0).await?;
                sleep(FAULT - Duration::from_secs(1)).await;
                Ok(())
            }
            Self::RollingRestart => {
                for place in 0..3 {
                    upstreams.end(place).await?;
                    upstreams.start(place).await?;
                    sleep(Duration::from_secs(2)).await;
                }
                sleep(FAULT.saturating_sub(Duration::from_secs(6))).await;
                Ok(())
            }
            Self::BlackHole => with(upstreams, Mode::BlackHole).await,
            Self::Reset => with(upstreams, Mode::Reset).await,
            Self::Slow => with(upstreams, Mode::Slow).await,
            Self::FailFast => with(upstreams, Mode::Failing).await,
            Self::Lie => with(upstreams, Mode::Lying).await,
        }
    }
}

async fn with(upstreams: &mut Upstreams, mode: Mode) -> io::Result<()> {
    upstreams.tell(0, mode)?;
    sleep(FAULT).await;
    upstreams.tell(0, Mode::Normal)
}

/// How long all is well at first.
pub(crate) const CALM: Duration = Duration::from_secs(3);
/// How long a fault lasts.
pub(crate) const FAULT: Duration = Duration::from_secs(8);
/// How long what comes after it is watched.
pub(crate) const AFTERWARDS: Duration = Duration::from_secs(10);

use std::{
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::Version;
use tenantry_tower::proxy::Hangup;
use tokio::time::Instant;

use super::{Limits, patience::Patience};

/// What one connection is doing, as those see it who serve it.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Whether to look, with the next flush, if the client is still there.
    is_doubted: AtomicBool,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// How long it may take to read what was written.
    writing: Option<Patience>,
    is_multiplexed: bool,
    /// Whether there is a part of a request that nobody will read.
    has_unread: bool,
    /// Whether it is no longer HTTP.
    is_tunnel: bool,
    /// Whether it is to end with what is in flight, whatever else there is.
    is_over: bool,
    /// Those over HTTP/2, of which one may stall while the connection lives.
    answers: Vec<Weak<dyn Stallable>>,
    header_timeout: Duration,
    keep_alive_timeout: Duration,
    /// Ends what it is a tunnel for.
    hangup: Hangup,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// A request's head is coming.
    Head { since: Instant },
    /// So many requests are being served.
    Busy { requests: usize },
    /// None is.
    Idle { since: Instant },
    /// It is at its end, and what the client still sends is thrown away.
    Lingering { since: Instant },
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing, before then at least.
    Fine(Option<Instant>),
    /// It has been idle for long.
    Close,
    /// It is too slow.
    Abort,
}

/// What a client may leave unread.
pub(super) trait Stallable: fmt::Debug + Send + Sync {
    /// Ends it, if its client was waited for too long.
    fn end_if_stalled(&self, now: Instant);
}

/// One request in flight, from its head until its answer's end.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    request: Arc<Request>,
}

#[derive(Debug)]
struct Request {
    activity: Activity,
}

impl Activity {
    /// A connection that has just been accepted.
    pub(super) fn new(limits: &Limits, hangup: Hangup) -> Self {
        let state = State {
            phase: Phase::Head { since: Instant::now() },
            writing: limits.patience(),
            is_multiplexed: false,
            has_unread: false,
            is_tunnel: false,
            is_over: false,
            answers: Vec::new(),
            header_timeout: limits.header_timeout(),
            keep_alive_timeout: limits.keep_alive_timeout(),
            hangup,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), is_doubted: AtomicBool::new(false) }) }
    }

    /// Something was read.
    pub(super) fn read(&self) {
        let mut state = self.lock();
        // Over HTTP/2 it may be a ping, and the next request begins when all of its head is there.
        if matches!(state.phase, Phase::Idle { .. }) && !state.is_multiplexed {
            state.phase = Phase::Head { since: Instant::now() };
        }
    }

    /// Something shall be written, and the client has to read first.
    pub(super) fn blocked(&self) {
        if let Some(patience) = &mut self.lock().writing {
            patience.wait(Instant::now());
        }
    }

    /// So much was written.
    pub(super) fn wrote(&self, bytes: usize) {
        if let Some(patience) = &mut self.lock().writing {
            patience.moved(bytes, Instant::now);
        }
    }

    /// A request's head is there.
    pub(super) fn begin(&self, version: Version) -> InFlight {
        let mut state = self.lock();
        state.is_multiplexed = version == Version::HTTP_2;
        let before = if let Phase::Busy { requests } = state.phase { requests } else { 0 };
        state.phase = Phase::Busy { requests: before + 1 };
        InFlight { request: Arc::new(Request { activity: self.clone() }) }
    }

    /// The connection ends. Whether to wait until the client has heard it: where bytes of it stay unread, the system would answer them with a reset,
    /// which can overtake the last answer.
    pub(super) fn linger(&self) -> bool {
        let mut state = self.lock();
        if state.is_tunnel {
            return false;
        }
        let lingers = state.has_unread || !matches!(state.phase, Phase::Idle { .. });
        if lingers && !matches!(state.phase, Phase::Lingering { .. }) {
            state.phase = Phase::Lingering { since: Instant::now() };
        }
        lingers
    }

    /// Whatever may come over it, it ends soon.
    pub(super) fn end_soon(&self) {
        self.lock().is_over = true;
    }

    /// Ends the answers whose clients have been waited for too long.
    pub(super) fn end_stalled(&self, now: Instant) {
        let answers: Vec<_> = self.lock().answers.iter().filter_map(Weak::upgrade).collect();
        // Outside of the lock, which the end of a request takes.
        answers.iter().for_each(|answer| answer.end_if_stalled(now));
    }

    /// While a request is served, hyper hears of its client's end only as long as it holds nothing of the next one: somebody else has to look.
    pub(super) fn doubt(&self) {
        let state = self.lock();
        let is_deaf = matches!(state.phase, Phase::Busy { .. }) && !state.is_multiplexed && !state.is_tunnel;
        // Relaxed, as below: it guards nothing, and is seen by the next look at the latest.
        self.shared.is_doubted.store(is_deaf, Ordering::Relaxed);
    }

    /// Whether the client may have left: said once.
    pub(super) fn is_doubted(&self) -> bool {
        let doubted = &self.shared.is_doubted;
        doubted.load(Ordering::Relaxed) && doubted.swap(false, Ordering::Relaxed)
    }

    /// Whether it is to end with what is in flight: said once.
    pub(super) fn is_to_end(&self) -> bool {
        mem::take(&mut self.lock().is_over)
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let state = self.lock();
        let (deadline, otherwise) = match state.phase {
            Phase::Head { since } => (Some(since + state.header_timeout), Verdict::Abort),
            Phase::Idle { since } => (Some(since + state.keep_alive_timeout), Verdict::Close),
            Phase::Lingering { since } => (Some(since + LINGER), Verdict::Abort),
            Phase::Busy { .. } => (None, Verdict::Abort),
        };
        let written = state.writing.as_ref().and_then(Patience::end);
        if written.is_some_and(|end| end <= now) {
            return Verdict::Abort;
        }
        match deadline {
            Some(deadline) if deadline <= now => otherwise,
            deadline => Verdict::Fine([deadline, written].into_iter().flatten().min()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// The rest of its body is read by nobody.
    pub(super) fn leave_unread(&self) {
        self.request.activity.lock().has_unread = true;
    }

    /// Ends the tunnel that it may become.
    pub(super) fn hangup(&self) -> Hangup {
        self.request.activity.lock().hangup.clone()
    }

    /// Its answer ends HTTP on this connection: what the client sends from now on is not for us.
    pub(super) fn begin_tunnel(&self) {
        let activity = &self.request.activity;
        activity.lock().is_tunnel = true;
        // Of a tunnel one side may end first.
        activity.shared.is_doubted.store(false, Ordering::Relaxed);
    }

    /// An answer to it that may stall.
    pub(super) fn watch(&self, answer: Weak<dyn Stallable>) {
        let answers = &mut self.request.activity.lock().answers;
        answers.retain(|answer| answer.strong_count() > 0);
        answers.push(answer);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        state.phase = match state.phase {
            Phase::Busy { requests } if requests > 1 => Phase::Busy { requests: requests - 1 },
            Phase::Lingering { since } => Phase::Lingering { since },
            _ => Phase::Idle { since: Instant::now() },
        };
    }
}

/// nginx's `lingering_timeout` is 5 s; a client that reads at all has read an answer by then.
const LINGER: Duration = Duration::from_secs(2);

//! Time as a number, and the clocks that read it.
//!
//! Below the [`Balancer`](crate::Balancer) every function takes `now` as an argument; the balancer alone reads its
//! [`Clock`], once per operation. So tests and simulators own time, and a failure replays.

use std::{
    fmt,
    ops::Add,
    sync::{Arc, Weak},
    time::Duration,
};

use crate::sync::{AtomicU64, Mutex, Ordering};

/// A moment on a balancer's clock, in nanoseconds since that clock's own start. Moments of two clocks do not compare.
///
/// ```
/// use std::time::Duration;
/// use tenantry::Time;
///
/// let start = Time::from_nanos(1_000);
/// let later = start + Duration::from_nanos(500);
/// assert_eq!(later.since(start), Duration::from_nanos(500));
/// assert_eq!(start.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The clock's start.
    pub const ZERO: Self = Self(0);

    /// The moment `nanos` nanoseconds after the clock's start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates at the end of time (584 years).
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

/// A duration in whole nanoseconds, saturating.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where a balancer reads the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The moment that it is. Never goes back.
    fn now(&self) -> Time;

    /// The time since 1970, for limits that go by the calendar. By default the system's; it may be set back, and then such limits stay in
    /// the window that they are in.
    #[expect(clippy::disallowed_methods, reason = "this is where the calendar is read")]
    fn unix(&self) -> Duration {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
    }

    /// Asks to be told when time moves by hand; a clock that runs by itself ignores it.
    fn subscribe(&self, listener: Weak<dyn ClockListener>) {
        drop(listener);
    }
}

/// What a hand-moved clock tells that it has moved.
pub trait ClockListener: Send + Sync {
    /// The clock's time has changed.
    fn time_changed(&self);
}

/// The machine's monotonic clock, from the CPU's time stamp counter where that can be trusted (by way of `quanta`):
/// about 12 ns a reading against 24 of [`std::time::Instant`].
#[derive(Clone, Debug)]
pub struct SystemClock {
    source: quanta::Clock,
    origin: u64,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Self {
        let source = quanta::Clock::new();
        let origin = source.raw();
        Self { source, origin }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time(self.source.delta_as_nanos(self.origin, self.source.raw()))
    }
}

/// A clock that moves only when told to: for tests, scripted scenarios and simulators. Clones share one time.
///
/// ```
/// use std::time::Duration;
/// use tenantry::{Clock, ManualClock, Time};
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_micros(1_500));
/// assert_eq!(clock.now(), Time::from_nanos(1_500_000));
/// ```
#[derive(Clone, Default)]
pub struct ManualClock {
    shared: Arc<ManualTime>,
}

#[derive(Default)]
struct ManualTime {
    nanos: AtomicU64,
    /// The time since 1970 at the clock's start, in nanoseconds.
    unix: u64,
    listeners: Mutex<Vec<Weak<dyn ClockListener>>>,
}

impl ManualClock {
    /// A clock at [`Time::ZERO`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock at [`Time::ZERO`] that says that it was started `unix` after the beginning of 1970. [`new`](Self::new) starts in 1970.
    #[must_use]
    pub fn starting_at(unix: Duration) -> Self {
        Self { shared: Arc::new(ManualTime { unix: nanos(unix), ..ManualTime::default() }) }
    }

    /// Moves time on. Waiters whose deadline has come are rejected before this returns.
    pub fn advance(&self, duration: Duration) {
        let step = nanos(duration);
        let moved = |now: u64| Some(now.saturating_add(step));
        // Infallible: `moved` never refuses. SeqCst: a reader that hears of the change must see it.
        let _ = self.shared.nanos.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
        let listeners: Vec<_> = {
            let mut listeners = self.shared.listeners.lock();
            listeners.retain(|listener| listener.strong_count() > 0);
            listeners.iter().filter_map(Weak::upgrade).collect()
        };
        for listener in listeners {
            listener.time_changed();
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        Time(self.shared.nanos.load(Ordering::SeqCst))
    }

    fn unix(&self) -> Duration {
        Duration::from_nanos(self.shared.unix.saturating_add(self.now().as_nanos()))
    }

    fn subscribe(&self, listener: Weak<dyn ClockListener>) {
        self.shared.listeners.lock().push(listener);
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

//! What is simulated: how many of what, and how busy.

/// A second, in nanoseconds.
pub(crate) const SECOND: f64 = 1e9;

/// Clients, servers, and the work that goes from one to the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) title: &'static str,
    pub(crate) clients: usize,
    pub(crate) servers: usize,
    /// Cores that each server is promised.
    pub(crate) cores: f64,
    /// Work in flight at most in the long run, as a share of what is promised.
    pub(crate) load: f64,
    /// Mean CPU time of a request in nanoseconds; normal with as much deviation, and never negative, as in the paper.
    pub(crate) work: f64,
    /// CPU time of answering a probe.
    pub(crate) probe_work: f64,
    /// Whether antagonists come and go.
    pub(crate) contended: bool,
    /// How fast every other server is.
    pub(crate) slow: f64,
    /// One way, on average.
    pub(crate) network: f64,
    pub(crate) warm_up: f64,
    pub(crate) measured: f64,
}

impl World {
    /// The paper's testbed: a hundred clients, a hundred servers, antagonists on their machines.
    pub(crate) const fn testbed(title: &'static str, load: f64) -> Self {
        Self {
            title,
            clients: 100,
            servers: 100,
            cores: 4.0,
            load,
            work: 0.075 * SECOND,
            probe_work: 0.0,
            contended: true,
            slow: 1.0,
            network: 0.000_2 * SECOND,
            warm_up: 10.0 * SECOND,
            measured: 25.0 * SECOND,
        }
    }

    /// The same, but every other server is of older hardware.
    pub(crate) const fn with_slow_half(mut self, speed: f64) -> Self {
        self.slow = speed;
        self
    }

    /// What speaks against it: one client that sees all load itself, four equal servers, short requests.
    pub(crate) const fn lone_client(title: &'static str, load: f64) -> Self {
        Self {
            clients: 1,
            servers: 4,
            work: 0.002 * SECOND,
            contended: false,
            measured: 20.0 * SECOND,
            ..Self::testbed(title, load)
        }
    }

    /// The same, where answering a probe takes so many seconds of CPU.
    pub(crate) const fn with_probe_work(mut self, seconds: f64) -> Self {
        self.probe_work = seconds * SECOND;
        self
    }

    /// How fast this server is.
    pub(crate) const fn speed(&self, server: usize) -> f64 {
        if server % 2 == 1 { self.slow } else { 1.0 }
    }

    /// Nanoseconds between two requests of one client, on average.
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    pub(crate) fn pause(&self) -> f64 {
        let promised: f64 = (0..self.servers).map(|server| self.cores * self.speed(server)).sum();
        self.clients as f64 * MEAN_OF_TRUNCATED * self.work / (promised * self.load)
    }
}

/// A normal distribution with mean and deviation 1, what is negative counted as 0, has this mean.
const MEAN_OF_TRUNCATED: f64 = 1.083_315;

//! What each system is asked, and how it went.

use std::{
    fmt, fs, io,
    net::SocketAddr,
    ops::Range,
    path::PathBuf,
    time::{Duration, Instant},
};

use gateway_parts::{
    open_loop::{Plan, Stream, Tally},
    process::Running,
    table::{millis, per_second},
    upstream,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::{proxies::System, runtime};

/// Who asks how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    victim: f64,
    aggressor: f64,
}

pub(crate) const ALONE: Scenario = Scenario { name: "victim alone", victim: 100.0, aggressor: 0.0 };
pub(crate) const BOTH: Scenario = Scenario { name: "both", victim: 100.0, aggressor: 6000.0 };
pub(crate) const BELOW: Scenario = Scenario { name: "aggressor at 0.95×", victim: 0.0, aggressor: 570.0 };
pub(crate) const ABOVE: Scenario = Scenario { name: "aggressor at 2×", victim: 0.0, aggressor: 1200.0 };

pub(crate) const SCENARIOS: [Scenario; 4] = [ALONE, BOTH, BELOW, ABOVE];

/// What all measurements share.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) outstanding: u32,
    pub(crate) measured: Duration,
}

/// How one system did in one scenario.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) system: System,
    pub(crate) scenario: Scenario,
    pub(crate) victim: Option<Tally>,
    pub(crate) aggressor: Option<Tally>,
    pub(crate) span: Duration,
    /// The proxy's CPU time over the whole run, for each request sent to it.
    pub(crate) cpu_each: Duration,
    /// How much of one core the proxy took.
    pub(crate) cores: f64,
    /// The machine's load average at the end.
    pub(crate) load: String,
}

impl Stage {
    /// Measures; again, at most twice, if the load generator was late.
    pub(crate) fn measure_punctually(&self, system: System, scenario: Scenario) -> io::Result<Measured> {
        let mut measured = self.measure(system, scenario)?;
        for _ in 0..2 {
            if measured.late() <= LATEST {
                break;
            }
            println!("     {measured}\n     … again: load left up to {:?} late", measured.late());
            measured = self.measure(system, scenario)?;
        }
        Ok(measured)
    }

    /// With upstreams, a runtime and a proxy that nothing before has touched.
    fn measure(&self, system: System, scenario: Scenario) -> io::Result<Measured> {
        let folder = self.folder.join(format!("run-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let runtime = runtime()?;
        let upstreams = runtime.block_on(upstreams())?;
        let started = system.start(&upstreams, &folder);
        let proxy = started.map_err(|error| io::Error::other(format!("{}: {error}", system.name)))?;
        let mut plan = Plan::new(proxy.address());
        (plan.measured, plan.outstanding) = (self.measured, self.outstanding);
        let measured = runtime.block_on(run(&plan, system, scenario, &proxy));
        runtime.shutdown_timeout(Duration::from_secs(1));
        if system.is_tenantry() {
            let name = scenario.name.replace(' ', "-").replace('×', "x");
            fs::copy(folder.join("tenantry.csv"), self.folder.join(format!("tenantry-{name}.csv")))?;
        }
        drop(proxy);
        fs::remove_dir_all(&folder)?;
        Ok(measured)
    }
}

async fn run(plan: &Plan, system: System, scenario: Scenario, proxy: &Running) -> Measured {
    let both = [Stream::new("victim", scenario.victim, 1), Stream::new("aggressor", scenario.aggressor, 2)];
    let streams: Vec<Stream> = both.into_iter().filter(|stream| stream.rate > 0.0).collect();
    let (begin, before) = (Instant::now(), proxy.cpu());
    let tallies = plan.run(&streams).await;
    let (took, cpu) = (begin.elapsed(), proxy.cpu() - before);
    let mut tallies = tallies.into_iter();
    let mut of = |rate: f64| if rate > 0.0 { tallies.next() } else { None };
    let (victim, aggressor) = (of(scenario.victim), of(scenario.aggressor));
    let sent = (scenario.victim + scenario.aggressor) * (plan.warm + plan.measured).as_secs_f64();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    Measured {
        system,
        scenario,
        victim,
        aggressor,
        span: plan.measured,
        cpu_each: cpu.div_f64(sent),
        cores: cpu.as_secs_f64() / took.as_secs_f64(),
        load: load.split(' ').next().unwrap_or_default().to_owned(),
    }
}

impl Measured {
    fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.victim.iter().chain(&self.aggressor)
    }

    /// By how much 99 of 100 requests left late at most, where that was worst.
    fn late(&self) -> Duration {
        let worst = self.tallies().map(|tally| tally.late.value_at_quantile(0.99)).max();
        Duration::from_micros(worst.unwrap_or_default())
    }

    /// Served per second.
    pub(crate) fn goodput(&self) -> f64 {
        per_second(self.tallies().map(|tally| tally.served.len()).sum(), self.span)
    }

    /// Served per second, of the aggressor.
    pub(crate) fn aggressor_goodput(&self) -> Option<f64> {
        self.aggressor.as_ref().map(|tally| per_second(tally.served.len(), self.span))
    }
}

/// The share of what was due that was served, in percent.
#[expect(clippy::cast_precision_loss, reason = "counts of seconds")]
pub(crate) fn success(tally: &Tally) -> f64 {
    100.0 * tally.served.len() as f64 / tally.due().max(1) as f64
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<28}{:<20}", self.system.name, self.scenario.name)?;
        if let Some(victim) = &self.victim {
            let [half, most] = [0.5, 0.99].map(|quantile| millis(&victim.served, quantile));
            write!(f, "victim {:.1} %, p50 {half} ms, p99 {most} ms; ", success(victim))?;
        }
        if let Some(aggressor) = &self.aggressor {
            let goodput = per_second(aggressor.served.len(), self.span);
            write!(f, "aggressor {goodput:.0}/s, {:.1} %; ", success(aggressor))?;
        }
        let unsent: u64 = self.tallies().map(|tally| tally.unsent).sum();
        if unsent > 0 {
            write!(f, "{unsent} unsent for want of connections; ")?;
        }
        let Self { cpu_each, cores, load, .. } = self;
        write!(
            f,
            "total {:.0}/s; {:.0} % of a core, {cpu_each:.0?} each; load {load}",
            self.goodput(),
            cores * 100.0
        )
    }
}

async fn upstreams() -> io::Result<Vec<SocketAddr>> {
    let mut upstreams = Vec::new();
    for _ in 0..3 {
        upstreams.push(upstream::start().await?);
    }
    Ok(upstreams)
}

/// What the upstreams do in a second when each always has eight requests.
pub(crate) fn calibrate() -> io::Result<f64> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let span = Duration::from_secs(2);
        let begin = Instant::now() + Duration::from_millis(500);
        let mut clients = JoinSet::new();
        for address in upstreams().await? {
            for _ in 0..8 {
                clients.spawn(ask_during(address, begin..begin + span));
            }
        }
        let answers: io::Result<Vec<u64>> = clients.join_all().await.into_iter().collect();
        Ok(per_second(answers?.iter().sum(), span))
    })
}

/// One after the other; how many were answered in a time that is to come.
async fn ask_during(address: SocketAddr, span: Range<Instant>) -> io::Result<u64> {
    let mut stream = TcpStream::connect(address).await?;
    let mut answers = 0;
    while Instant::now() < span.end {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: upstream.test\r\n\r\n").await?;
        // An answer is one segment.
        if stream.read(&mut [0; 512]).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answers += u64::from(span.contains(&Instant::now()));
    }
    Ok(answers)
}

const LATEST: Duration = Duration::from_millis(10);

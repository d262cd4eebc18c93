//! The demo: three upstreams, a gateway, a quiet tenant and a flood, and a table that shows how both fare.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    time::Duration,
};

use tenantry::{Balancer, Config, ConfigError, PoolSpec, TenantSpec};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use crate::{
    config::Settings,
    load::{self, Log, Served},
    meter::Meter,
    route::Router,
    serve,
    table::{Surface, Table, millis, per_second},
    upstream,
};

/// Runs for so long, or until Ctrl-C. Whether every request of the quiet tenant was served.
///
/// # Errors
/// When no port is to be had, or the terminal cannot be written.
pub async fn run(length: Option<Duration>, out: &mut (impl Write + IsTerminal)) -> io::Result<bool> {
    let mut signals = serve::Signals::new()?;
    let mut stop = Box::pin(signals.next());
    let stage = Stage::build().await?;
    stage.explain(out)?;
    let surface = if out.is_terminal() { Surface::Terminal } else { Surface::Log };
    let mut screen = Screen::new(surface);
    let end = length.map(|length| Instant::now() + length);

    let log = Log::default();
    let (quiet_stop, quiet_stopped) = oneshot::channel::<()>();
    let until = async { quiet_stopped.await.unwrap_or(()) };
    let quiet = tokio::spawn(load::steadily(stage.address, "quiet", QUIET_PERIOD, log.clone(), until));

    writeln!(out, "quiet alone, 10 requests/s:\n")?;
    let alone = length.map_or(LONGEST_ALONE, |length| (length / 3).min(LONGEST_ALONE));
    screen.watch(out, &stage, Some(Instant::now() + alone), &mut stop).await?;
    let before = log.take();

    writeln!(out, "flood joins with {FLOOD_CONNECTIONS} connections that never pause:\n")?;
    screen = Screen::new(surface);
    drop(stage.meter.take()); // the first rows shall show the flood from its beginning, and nothing before
    let flood_log = Log::default();
    let flood = load::flood(stage.address, "flood", FLOOD_CONNECTIONS, &flood_log);
    let began = Instant::now();
    screen.watch(out, &stage, end, &mut stop).await?;
    quiet_stop.send(()).ok(); // its task ends only through this
    quiet.await?;
    let (during, flooded, lasted) = (log.take(), flood_log.take(), began.elapsed());
    drop(flood);

    let verdict = Verdict { before, during, flooded, lasted };
    verdict.tell(out)?;
    stage.close().await?;
    Ok(verdict.is_good())
}

/// Everything that runs.
struct Stage {
    address: SocketAddr,
    upstreams: Vec<SocketAddr>,
    balancer: Balancer,
    meter: Meter,
    stop: oneshot::Sender<()>,
    gateway: JoinHandle<bool>,
}

impl Stage {
    async fn build() -> io::Result<Self> {
        let mut upstreams = Vec::new();
        for _ in 0..UPSTREAMS {
            upstreams.push(upstream::start().await?);
        }
        let (balancer, settings) = document(&upstreams).map_err(io::Error::other)?;
        let balancer = Balancer::new(balancer).map_err(io::Error::other)?;
        let meter = Meter::default();
        let router = Router::new(&balancer, &settings, Some(&meter));
        let listener = bind(settings.listen()).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or(()) };
        let gateway = tokio::spawn(serve::serve(listener, router, stopped, DRAIN));
        Ok(Self { address, upstreams, balancer, meter, stop, gateway })
    }

    fn explain(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { address, upstreams, .. } = self;
        writeln!(out, "The gateway is at http://{address}, before {} upstreams that serve", upstreams.len())?;
        writeln!(
            out,
            "{} requests at once each, {} ms long.",
            upstream::WORKERS,
            upstream::WORK.as_millis()
        )?;
        writeln!(out, "While this runs, try in another terminal:\n")?;
        writeln!(
            out,
            "  curl -i -H 'x-tenant: quiet' http://{address}/    one more request of the quiet tenant"
        )?;
        writeln!(out, "  curl -i -H 'x-tenant: flood' http://{address}/    has to wait behind the flood")?;
        writeln!(out, "  curl -i -H 'x-tenant: nobody' http://{address}/   403: no such tenant")?;
        writeln!(out, "  curl -i http://{address}/                         400: names no tenant\n")
    }

    async fn close(self) -> io::Result<()> {
        self.stop.send(()).ok(); // the gateway waits for this and nothing else
        self.gateway.await?;
        Ok(())
    }
}

/// Draws the table until an end.
struct Screen {
    table: Table,
    drawn: Instant,
    surface: Surface,
}

impl Screen {
    fn new(surface: Surface) -> Self {
        Self { table: Table::new(surface), drawn: Instant::now(), surface }
    }

    async fn watch(
        &mut self,
        out: &mut impl Write,
        stage: &Stage,
        end: Option<Instant>,
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> io::Result<()> {
        let period = if self.surface == Surface::Terminal {
            Duration::from_millis(500)
        } else {
            Duration::from_secs(2)
        };
        loop {
            let next = self.drawn + period;
            let wake = end.map_or(next, |end| end.min(next));
            let stopped = tokio::select! {
                () = &mut *stop => true,
                () = sleep_until(wake) => false,
            };
            let now = Instant::now();
            let span = now - self.drawn;
            if span >= period / 2 {
                self.table.draw(out, &stage.balancer.stats(), &stage.meter.take(), span)?;
                self.drawn = now;
            }
            if stopped || end.is_some_and(|end| now >= end) {
                return Ok(());
            }
        }
    }
}

/// How it went for the quiet tenant.
struct Verdict {
    before: Served,
    during: Served,
    flooded: Served,
    lasted: Duration,
}

impl Verdict {
    fn is_good(&self) -> bool {
        self.failed() == 0 && !self.during.latencies.is_empty()
    }

    const fn failed(&self) -> u64 {
        self.before.failed + self.during.failed
    }

    fn tell(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { before, during, flooded, lasted } = self;
        writeln!(out, "quiet, as it sees itself    requests   failed    p50 ms    p99 ms    max ms")?;
        for (name, served) in
            [("before the flood", before), ("during the flood", during), ("(the flood itself)", flooded)]
        {
            let Served { latencies, failed, .. } = served;
            let [half, most, all] = [0.5, 0.99, 1.0].map(|quantile| millis(latencies, quantile));
            writeln!(out, "{name:<28}{:>8}{failed:>9}{half:>10}{most:>10}{all:>10}", latencies.len())?;
        }
        let rate = per_second(flooded.latencies.len(), *lasted);
        if self.is_good() {
            let served = before.latencies.len() + during.latencies.len();
            writeln!(
                out,
                "\nOK: all {served} requests of quiet were served, while flood took {rate:.0} requests/s."
            )?;
            writeln!(
                out,
                "In one line for all, quiet would have waited as the flood does: {} ms at p50, not {} ms.",
                millis(&flooded.latencies, 0.5),
                millis(&during.latencies, 0.5)
            )
        } else {
            writeln!(out, "\nFAILED: {} requests of quiet were not served.", self.failed())
        }
    }
}

fn document(upstreams: &[SocketAddr]) -> Result<(Config, Settings), ConfigError> {
    let endpoints = upstreams.iter().map(|address| format!("http://{address}"));
    let balancer = Config::new()
        .with_pool("demo", PoolSpec::new(endpoints))
        .with_tenant("quiet", TenantSpec::new())
        .with_tenant("flood", TenantSpec::new());
    balancer.validate()?;
    Ok((balancer, Settings::for_only_pool("demo")))
}

/// The address wished for, or the next port that is free.
async fn bind(wish: SocketAddr) -> io::Result<TcpListener> {
    for offset in 0..20 {
        let address = SocketAddr::new(wish.ip(), wish.port() + offset);
        if let Ok(listener) = TcpListener::bind(address).await {
            return Ok(listener);
        }
    }
    TcpListener::bind(SocketAddr::new(wish.ip(), 0)).await
}

const UPSTREAMS: usize = 3;
const FLOOD_CONNECTIONS: usize = 64;
const QUIET_PERIOD: Duration = Duration::from_millis(100);
const LONGEST_ALONE: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(5);

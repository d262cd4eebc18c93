//! A multi-tenant reverse proxy in one binary.
//!
//! Without arguments: a demo with upstreams and load of its own. With `--config FILE`: a gateway. With a command (`check`, `print`, `schema`, `top`, `health`, `completion`, `man`): that.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its terminal")]

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use clap::Parser;
use gateway_parts::{
    admin,
    command::{self, Arguments, Command},
    config::Document,
    demo,
    listener::Listener,
    log::LogTable,
    reload::Reloader,
    serve,
};
use sd_notify::NotifyState;
use tenantry::Balancer;
use tenantry_tower::{health::HealthChecker, probe::Prober};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// A request is some dozens of small allocations, many of which another thread frees.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match runtime() {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(problem) => {
            eprintln!("gateway: cannot start: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A thread for each processor that it may use, or as many as tokio is told. Where that is one, there is nobody to share its work with.
fn runtime() -> io::Result<Runtime> {
    let told = env::var_os("TOKIO_WORKER_THREADS").is_some();
    let mut builder = match thread::available_parallelism() {
        Ok(processors) if processors.get() == 1 && !told => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

async fn run(arguments: Arguments) -> ExitCode {
    let ended = match (arguments.command, &arguments.config) {
        (Some(command), _) => carry_out(command).await,
        (None, Some(path)) => gateway(path).await,
        (None, None) => demo::run(arguments.seconds.map(Duration::from_secs), &mut io::stdout())
            .await
            .map_err(|e| e.to_string()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("gateway: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all was well.
async fn carry_out(command: Command) -> Result<bool, String> {
    let told = |result: io::Result<()>| result.map(|()| true).map_err(|error| error.to_string());
    let mut out = io::stdout();
    match command {
        Command::Check { files } => told_of(&files, &mut out).map_err(|error| error.to_string()),
        Command::Print { file, format } => {
            let in_file = |problem: &dyn std::fmt::Display| format!("{}: {problem}", file.display());
            let document = Document::read(&file).map_err(|error| in_file(&error))?;
            let text = command::print(&document, format).map_err(|error| in_file(&error))?;
            told(out.write_all(text.as_bytes()))
        }
        Command::Schema => told(writeln!(out, "{:#}", command::schema())),
        Command::Top { url, once, every } => {
            command::top(&url, once, every, &mut out).await.map(|()| true).map_err(|error| error.to_string())
        }
        Command::Health { url } => {
            command::healthy(&url).await.map(|()| true).map_err(|error| error.to_string())
        }
        Command::Completion { shell } => told(command::completion(shell, &mut out)),
        Command::Man => told(command::manual(&mut out)),
        _ => Err("this command is not known here".to_owned()),
    }
}

/// What is wrong with each file. Whether nothing is.
fn told_of(files: &[PathBuf], out: &mut impl Write) -> io::Result<bool> {
    let mut is_well = true;
    for file in files {
        let findings = command::check(file);
        for line in findings.to_string().lines() {
            writeln!(out, "{}: {line}", file.display())?;
        }
        if findings.errors.is_empty() {
            writeln!(out, "{}: can be served", file.display())?;
        } else {
            is_well = false;
        }
    }
    Ok(is_well)
}

/// Serves until a signal, then drains. Whether all that was in flight could finish.
async fn gateway(path: &Path) -> Result<bool, String> {
    let in_file = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
    let not_heard = |error: io::Error| format!("cannot listen for signals: {error}");
    // It asks for the document, which is about to be read; without a listener it would end the process.
    let _early = signal(SignalKind::hangup()).map_err(not_heard)?;
    let document = Document::read(path).map_err(|error| in_file(&error))?;
    let balancer = Balancer::new(document.balancer.clone()).map_err(|error| in_file(&error))?;
    let settings = document.settings.clone();
    if settings.log().is_none() {
        warn();
    }
    let log = settings.log().map(LogTable::start).transpose().map_err(|error| in_file(&error))?;
    let log = log.map(Arc::new);
    if let Some(log) = log.clone() {
        let balancer = balancer.clone();
        tokio::spawn(async move { log.follow(balancer).await });
    }
    let sending = settings.otel().map(|table| table.start(&balancer)).transpose();
    let sending = sending.map_err(|error| in_file(&error))?;
    let admin = admin::start(&balancer, &settings).await.map_err(|error| in_file(&error))?;
    let reloader = Reloader::start(path, document, &balancer, &admin, tell);
    let live = reloader.live();
    tokio::spawn(Prober::new(&balancer).run());
    let spoken_to = live.clone();
    let _checking = HealthChecker::new(&balancer).with_pool_tls(move |pool| spoken_to.checks(pool)).start();
    let listener = TcpListener::bind(settings.listen()).await;
    let listener = listener.map_err(|error| {
        in_file(&format!(
            "gateway.listen: cannot listen on {}: {error}; name another port",
            settings.listen()
        ))
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let mut signals = serve::Signals::new().map_err(not_heard)?;
    let scheme = if settings.secure().is_some() { "https" } else { "http" };
    println!("listening on {scheme}://{address}");
    if let Some(address) = admin.address() {
        println!("admin on http://{address}/");
    }
    supervised(NotifyState::Ready);
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    tokio::spawn(reloader.follow(DOCUMENT_EVERY, tell));
    let mut serving = tokio::spawn(Listener::new(listener, live).serve(stopped, settings.drain()));
    signals.next().await;
    admin.drain();
    supervised(NotifyState::Stopping);
    println!("draining for at most {:?}; once more to end now", settings.drain());
    drop(stop); // as good as a word
    let drained = tokio::select! {
        drained = &mut serving => drained.map_err(|error| error.to_string())?,
        () = signals.next() => false,
    };
    admin.stop().await;
    if let Some(sending) = sending {
        sending.stop().await;
    }
    println!("{}", if drained { "drained" } else { "what was still in flight is cut off" });
    Ok(drained)
}

/// Without a log of its own: what the library warns of (key sets that cannot be fetched, bans, …), to where the gateway's own news go.
fn warn() {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    // Of requests it says nothing: that is what `gateway.log` is for, which keeps nobody waiting.
    let ours = Targets::new().with_target("tenantry", LevelFilter::WARN);
    let ours = ours.with_target("tenantry::access", LevelFilter::OFF);
    tracing_subscriber::registry().with(lines).with(ours).init();
}

/// Tells systemd, where it waits for that.
fn supervised(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tell(&format!("NOTIFY_SOCKET: {error}"));
    }
}

/// To the log, where there is one that hears it.
fn tell(news: &str) {
    if tracing::enabled!(target: "tenantry::gateway", tracing::Level::INFO) {
        tracing::info!(target: "tenantry::gateway", news);
    } else {
        eprintln!("{news}");
    }
}

/// How often the document is looked at.
const DOCUMENT_EVERY: Duration = Duration::from_millis(500);

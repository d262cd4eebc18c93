//! `log`: access and decision logs, one line each, written beside the requests and never before them.

use std::{
    io::{self, Write},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry::{Balancer, EventCursor};
use tenantry_tower::log::{LogLayer, Sampling, log_events};
use tokio::time::sleep;
use tracing::{Level, Subscriber, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, registry};

use crate::{config::Settings, unfit::Unfit, values::Span};

/// `log = { level = "info", format = "json", sample = 1.0, slow = "1s", to = "stderr" }`; each key may be left out. Without the table there are no logs.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogTable {
    /// From which level on: `info` is everything, `warn` what failed and what was decided.
    level: LevelName,
    /// How a line is written.
    format: Form,
    /// The share of each tenant's successes that is told, 0 to 1. Errors and rejections all are.
    #[schemars(range(min = 0, max = 1))]
    sample: f64,
    /// From which duration on a success is told always.
    slow: Span,
    /// Where lines go.
    to: Destination,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum LevelName {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Json,
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Destination {
    Stdout,
    Stderr,
}

/// Lines on their way. What is still on its way when this goes is written, for at most a second.
#[derive(Debug)]
pub struct Writing {
    dropped: ErrorCounter,
    _guard: WorkerGuard,
}

impl LogTable {
    /// Checks what serde cannot.
    pub(crate) fn check(&self) -> Result<(), Unfit> {
        if (0.0..=1.0).contains(&self.sample) {
            return Ok(());
        }
        Err(Unfit::new("gateway.log.sample", self.sample.to_string(), "write a number from 0 to 1, as 0.01"))
    }

    /// What tells of requests. Spans end by it, too.
    pub(crate) fn layer(settings: &Settings) -> LogLayer {
        match (settings.log(), settings.otel()) {
            (Some(table), _) => LogLayer::new(Sampling::of_successes(table.sample).with_slow(table.slow.0)),
            (None, Some(_)) => LogLayer::new(Sampling::all()),
            (None, None) => LogLayer::off(),
        }
    }

    /// Whether they write to the same place in the same form: what else they say can be exchanged.
    pub(crate) fn are_written_alike(one: Option<&Self>, other: Option<&Self>) -> bool {
        let form = |table: &Self| (table.level, table.format, table.to);
        one.map(form) == other.map(form)
    }

    /// Makes this the process's log. Whoever reads the lines too slowly misses some, and is told how many; no request waits for a reader.
    ///
    /// # Errors
    /// When the process has a log already.
    pub fn start(&self) -> Result<Writing, Unfit> {
        let (subscriber, writing) = match self.to {
            Destination::Stdout => self.subscriber(io::stdout()),
            Destination::Stderr => self.subscriber(io::stderr()),
        };
        let set = tracing::subscriber::set_global_default(subscriber);
        set.map_err(|error| Unfit::hidden("gateway.log", error))?;
        Ok(writing)
    }

    /// What writes to `to`.
    pub fn subscriber(
        &self,
        to: impl Write + Send + 'static,
    ) -> (Box<dyn Subscriber + Send + Sync>, Writing) {
        let writer = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES);
        let (writer, guard) = writer.thread_name("log").finish(to);
        let dropped = writer.error_counter();
        // What other crates say at lower levels may hold what clients sent.
        let targets =
            Targets::new().with_default(Level::WARN).with_target("tenantry", Level::from(self.level));
        let lines = fmt::layer().with_writer(writer).with_ansi(false);
        let registry = registry().with(targets);
        let subscriber: Box<dyn Subscriber + Send + Sync> = match self.format {
            Form::Json => Box::new(
                registry
                    .with(lines.json().flatten_event(true).with_current_span(false).with_span_list(false)),
            ),
            Form::Text => Box::new(registry.with(lines)),
        };
        (subscriber, Writing { dropped, _guard: guard })
    }
}

impl Writing {
    /// How many lines were dropped because they were not written fast enough.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped.dropped_lines()
    }

    /// Tells what the balancer decides, and how many lines were dropped, for as long as it is polled.
    pub async fn follow(&self, balancer: Balancer) {
        let (mut cursor, mut told) = (EventCursor::default(), 0);
        loop {
            log_events(&balancer, &mut cursor);
            let dropped = self.dropped();
            if dropped > told {
                warn!(target: "tenantry::log", dropped, "lines were dropped: they are read too slowly");
                told = dropped;
            }
            sleep(EVERY).await;
        }
    }
}

impl Default for LogTable {
    fn default() -> Self {
        Self {
            level: LevelName::Info,
            format: Form::Json,
            sample: 1.0,
            slow: Span(Duration::from_secs(1)),
            to: Destination::Stderr,
        }
    }
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Error => Self::ERROR,
            LevelName::Warn => Self::WARN,
            LevelName::Info => Self::INFO,
            LevelName::Debug => Self::DEBUG,
            LevelName::Trace => Self::TRACE,
        }
    }
}

/// A few megabytes of lines at most.
const LINES: usize = 8_192;
const EVERY: Duration = Duration::from_millis(500);

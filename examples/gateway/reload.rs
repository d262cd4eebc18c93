//! Another document while the gateway serves: read as a whole, and put in force as a whole or not at all.

use std::{
    fs, mem,
    path::{Path, PathBuf},
    time::Duration,
};

use tenantry::Balancer;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::{JoinHandle, spawn_blocking},
    time::sleep,
};

use crate::{
    admin::{AdminTable, Pages, Served},
    config::{Document, Settings},
    discovery::Discoveries,
    document::Text,
    leaving::Leaving,
    listener::Live,
    log::LogTable,
    otel::OtelTable,
    rereading::reread,
    route::Router,
};

/// Serves what a file says, and follows it.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    /// What the file held when it was used last.
    used: Text,
    balancer: Balancer,
    live: Live,
    /// What the gateway was started with.
    started: Settings,
    /// Those in force, which the next ones go on with.
    settings: Settings,
    /// Its own pages.
    pages: Option<Pages>,
    /// Watch the files that the settings in force name.
    watchers: Vec<JoinHandle<()>>,
    discoveries: Discoveries,
    /// Pools of the documents before.
    leaving: Leaving,
    /// Whoever asks for the document. Heard from the beginning: whoever is not listened for ends the process.
    hangup: Option<Signal>,
}

/// Says what came of it.
type Tell = fn(&str);

impl Reloader {
    /// Puts this document of the file in force for the first time; the file and those that it names are followed from now on. The balancer, which was made of it, is kept through all
    /// documents; `admin` are its pages.
    #[must_use]
    pub fn start(path: &Path, document: Document, balancer: &Balancer, admin: &Served, tell: Tell) -> Self {
        let Document { balancer: config, settings, text } = document;
        let live = Live::new(&settings, Router::measured(balancer, &settings, None, admin.metrics()));
        let pages = admin.pages().cloned();
        let leaving = Leaving::new(config);
        let watchers = watch_files(&settings, &leaving, tell);
        let hangup = signal(SignalKind::hangup()).ok();
        let (used, path) = (text, path.to_owned());
        let (balancer, started) = (balancer.clone(), settings.clone());
        let mut discoveries = Discoveries::default();
        discoveries.follow(started.discovery(), &balancer).iter().for_each(|problem| tell(problem));
        Self { path, used, balancer, live, started, settings, pages, watchers, discoveries, leaving, hangup }
    }

    /// What is to be served.
    #[must_use]
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// Reads the file and puts it in force. What of it waits for a restart, if anything.
    ///
    /// # Errors
    /// What is wrong with it; then everything stays as it was.
    pub async fn reload(&mut self, tell: Tell) -> Result<Vec<&'static str>, String> {
        let (path, file) = (self.path.clone(), self.path.clone());
        let in_file = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
        // It and all that it names are read elsewhere: a slow disk must not hold up who serves.
        let document =
            spawn_blocking(move || Document::read(&file)).await.map_err(|error| in_file(&error))?;
        let Document { balancer, mut settings, text } = document.map_err(|error| in_file(&error))?;
        self.used = text;
        self.leaving
            .put_in_force(&self.balancer, balancer, settings.drain())
            .map_err(|error| in_file(&error))?;
        settings.go_on_with(&self.settings, self.leaving.names());
        self.settings = settings.clone();
        let router =
            Router::measured(&self.balancer, &settings, None, self.pages.as_ref().map(Pages::metrics));
        self.live.replace(&settings, router);
        self.leaving.part_with_tenants(&self.balancer).map_err(|error| in_file(&error))?;
        let unchanged = self.unchangeable(&settings);
        if let Some(pages) = &self.pages {
            pages.put_in_force(&settings);
            pages.waits_for_restart(&unchanged);
        }
        self.stop_watching();
        self.watchers = watch_files(&settings, &self.leaving, tell);
        let tables = self.discoveries.beside(settings.discovery(), self.leaving.names());
        if self.discoveries.end_others(&tables).await {
            self.leaving.put_in_force_again(&self.balancer).map_err(|error| in_file(&error))?;
        }
        self.discoveries.follow(&tables, &self.balancer).iter().for_each(|problem| tell(problem));
        Ok(unchanged)
    }

    /// Parts with pools that the document no longer has and of which nobody has need any more, as [`follow`](Self::follow) does whenever it looks.
    pub async fn part(&mut self, tell: Tell) {
        if !self.leaving.part(&self.balancer) {
            return;
        }
        let tables = self.discoveries.beside(self.settings.discovery(), self.leaving.names());
        self.discoveries.end_others(&tables).await;
        if let Err(error) = self.leaving.put_in_force_again(&self.balancer) {
            tell(&stays(&format!("{}: {error}", self.path.display())));
        }
    }

    /// Follows the file, and `SIGHUP`, for as long as it is polled.
    pub async fn follow(mut self, every: Duration, tell: Tell) {
        let Some(mut hangup) = self.hangup.take() else { return };
        let mut seen = self.used.clone();
        loop {
            let is_asked = tokio::select! {
                _ = hangup.recv() => true,
                () = sleep(every) => false,
            };
            self.part(tell).await;
            let content = match fs::read(&self.path) {
                Ok(content) => content,
                // A file that is gone is on its way to be replaced; whoever asks is answered all the same.
                Err(error) => {
                    if is_asked {
                        tell(&stays(&format!("{}: {error}", self.path.display())));
                    }
                    continue;
                }
            };
            // Half a document may be one, too: it counts once two readings agree.
            let is_settled = mem::replace(&mut seen, Text(content)) == seen;
            if is_asked || (is_settled && self.used != seen) {
                self.used.clone_from(&seen);
                tell(&self.report(tell).await);
            }
        }
    }

    async fn report(&mut self, tell: Tell) -> String {
        match self.reload(tell).await {
            Ok(unchanged) if unchanged.is_empty() => format!("{}: in force", self.path.display()),
            Ok(unchanged) => {
                format!("{}: in force, but {} after a restart", self.path.display(), unchanged.join(" and "))
            }
            Err(problem) => stays(&problem),
        }
    }

    fn unchangeable(&self, settings: &Settings) -> Vec<&'static str> {
        let differ = [
            ("gateway.listen", self.started.listen() != settings.listen()),
            (
                "gateway.admin",
                self.started.admin().map(AdminTable::listen) != settings.admin().map(AdminTable::listen),
            ),
            ("gateway.log", !LogTable::are_written_alike(self.started.log(), settings.log())),
            ("gateway.otel", !OtelTable::are_sent_alike(self.started.otel(), settings.otel())),
            ("gateway.drain", self.started.drain() != settings.drain()),
            (
                "gateway.limits.max_connections",
                self.started.limits().max_connections() != settings.limits().max_connections(),
            ),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    fn stop_watching(&mut self) {
        for watcher in self.watchers.drain(..) {
            watcher.abort();
        }
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        self.stop_watching();
    }
}

fn stays(problem: &str) -> String {
    format!("{problem}; what was in force before it stays")
}

/// Keys and certificates have files of their own, which change more often than the document. Those of pools that leave are nobody's any more.
fn watch_files(settings: &Settings, leaving: &Leaving, tell: Tell) -> Vec<JoinHandle<()>> {
    let keys = settings.key_file().cloned();
    let keys = keys.map(|file| tokio::spawn(file.watch(KEYS_EVERY, move |news| tell(&news))));
    let secure = settings.secure().cloned();
    let secure = secure.map(|secure| tokio::spawn(secure.watch(CERTIFICATES_EVERY, tell)));
    let stays = |pool: &str| leaving.names().all(|leaver| leaver != pool);
    let with_files =
        settings.transports().iter().filter(|(pool, transport)| transport.has_files() && stays(pool));
    let upstream = with_files.map(|(pool, transport)| {
        let (path, transport) = (format!("gateway.upstream.{pool}.tls"), transport.clone());
        tokio::spawn(reread(path, move || transport.reload(), CERTIFICATES_EVERY, tell))
    });
    keys.into_iter().chain(secure).chain(upstream).collect()
}

/// How often a file of keys is looked at.
const KEYS_EVERY: Duration = Duration::from_secs(5);

/// How often the files of certificates are.
const CERTIFICATES_EVERY: Duration = Duration::from_secs(1);

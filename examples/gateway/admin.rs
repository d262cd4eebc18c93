//! `admin`: the balancer's own pages, on a port of their own, until the gateway has drained.

use std::{fmt, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use tenantry::Balancer;
use tenantry_tower::{
    admin::{Admin, Hosts, Token, TokenError},
    guard::CurrentGuard,
    metrics::Metrics,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{config::Settings, unfit::Unfit};

/// `admin = "127.0.0.1:9090"`, or `{ listen = …, token_file = …, hosts = […] }`. Without a token there are no actions.
#[derive(Clone, Debug, Serialize)]
pub struct AdminTable {
    listen: SocketAddr,
    token_file: Option<String>,
    hosts: Vec<String>,
    #[serde(skip)]
    token: Option<Token>,
}

/// Both ways to write it.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum AdminForm {
    Address(String),
    Table(Fields),
}

/// The pages as they are served; nothing, the default, where the settings name no port.
#[derive(Debug, Default)]
pub struct Served(Option<Serving>);

#[derive(Debug)]
struct Serving {
    pages: Pages,
    watching: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

/// What of the pages follows the document while they are served. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    address: SocketAddr,
    admin: Admin,
    guard: CurrentGuard,
    metrics: Metrics,
}

impl AdminTable {
    /// Where to listen.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Checks what serde cannot. `folder` is where files are that are named without one.
    pub(crate) fn read_token(&mut self, folder: &Path) -> Result<(), Unfit> {
        for (index, host) in self.hosts.iter().enumerate() {
            if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == ':' || c == '/') {
                let path = format!("gateway.admin.hosts[{index}]");
                return Err(Unfit::new(path, format!("{host:?}"), "write a host's name, without a port"));
            }
        }
        const PATH: &str = "gateway.admin.token_file";
        let token = self.token_file.as_ref().map(|file| (file, Token::from_file(folder.join(file))));
        self.token = match token {
            None => None,
            Some((_, Ok(token))) => Some(token),
            Some((file, Err(error @ TokenError::Read(_)))) => {
                return Err(Unfit::new(PATH, format!("{file:?}"), error));
            }
            Some((_, Err(error))) => return Err(Unfit::hidden(PATH, error)),
        };
        Ok(())
    }

    /// Under which names the pages answer at this address, and who acts there.
    fn put_in_force(&self, admin: &Admin, address: SocketAddr) {
        let hosts = self.hosts.iter().fold(Hosts::local().listening_on(address), Hosts::with_host);
        admin.set_hosts(hosts);
        admin.set_token(self.token.clone());
    }
}

impl Pages {
    fn new(balancer: &Balancer, address: SocketAddr) -> Self {
        let (metrics, guard) = (Metrics::new(balancer), CurrentGuard::new());
        let metrics = metrics.with_guard(&guard);
        let admin = Admin::new(balancer).with_metrics(metrics.clone()).with_guard(&guard);
        Self { address, admin, guard, metrics }
    }

    pub(crate) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Who may act, what is watched, and who is told, as these settings say; where they say the same, the webhook's sender stays. Where they name no pages, what is there stays until the restart that it waits for.
    pub(crate) fn put_in_force(&self, settings: &Settings) {
        if let Some(table) = settings.admin() {
            table.put_in_force(&self.admin, self.address);
        }
        self.guard.set(settings.guard().cloned());
        let alarm = settings.alarm();
        let webhook = alarm.and_then(|alarm| alarm.webhook.clone());
        self.admin.set_alerts(alarm.map(|alarm| alarm.rules.clone()), webhook);
    }

    /// Says in `/status` and on the dashboard what of the document waits for a restart.
    pub(crate) fn waits_for_restart(&self, keys: &[&str]) {
        self.admin.set_after_restart(keys.iter().copied());
    }
}

/// Serves what the settings say, from now on.
///
/// # Errors
/// When the port is not to be had.
pub async fn start(balancer: &Balancer, settings: &Settings) -> Result<Served, Unfit> {
    let Some(table) = settings.admin() else { return Ok(Served(None)) };
    let wrong = |error: std::io::Error| {
        Unfit::new("gateway.admin", table.listen.to_string(), format!("name another port: {error}"))
    };
    let listener = TcpListener::bind(table.listen).await.map_err(wrong)?;
    let pages = Pages::new(balancer, listener.local_addr().map_err(wrong)?);
    pages.put_in_force(settings);
    let watching = tokio::spawn(pages.admin.clone().run());
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(serve(listener, pages.admin.clone(), stopped));
    Ok(Served(Some(Serving { pages, watching, stop, ended })))
}

impl Served {
    /// Where the pages are.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.pages().map(|pages| pages.address)
    }

    /// What `/metrics` tells; its layers measure what the gateway serves.
    #[must_use]
    pub fn metrics(&self) -> Option<&Metrics> {
        self.pages().map(Pages::metrics)
    }

    pub(crate) fn pages(&self) -> Option<&Pages> {
        self.0.as_ref().map(|serving| &serving.pages)
    }

    /// From now on `/healthz` answers 503; the pages stay.
    pub fn drain(&self) {
        if let Some(pages) = self.pages() {
            pages.admin.drain();
        }
    }

    /// Ends the pages; answers that are under way have a second.
    pub async fn stop(self) {
        let Some(Serving { watching, stop, ended, .. }) = self.0 else { return };
        watching.abort();
        drop(stop); // as good as a word
        ended.await.ok(); // it does not panic, and nobody else ends it
    }
}

async fn serve(listener: TcpListener, admin: Admin, mut stopped: oneshot::Receiver<()>) {
    let (connections, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        tokio::select! {
            _ = &mut stopped => break,
            accepted = accepted => match accepted {
                Ok(accepted) => connection(accepted, &admin, &connections),
                // Out of file descriptors, most likely: the next attempt at once would fail too.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    timeout(Duration::from_secs(1), connections.shutdown()).await.ok();
}

fn connection(
    (stream, place): (TcpStream, OwnedSemaphorePermit),
    admin: &Admin,
    connections: &GracefulShutdown,
) {
    let service = TowerToHyperService::new(admin.clone());
    let mut http = http1::Builder::new();
    // A head that does not come ends the connection.
    http.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
    let served = connections.watch(http.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move {
        // Nobody keeps a place for ever: neither by reading slowly nor by asking again and again.
        timeout(LONGEST_CONNECTION, served).await.ok();
        drop(place);
    });
}

/// How many connections there are at once; the others wait.
const MOST_CONNECTIONS: usize = 128;
const LONGEST_CONNECTION: Duration = Duration::from_secs(600);

impl<'de> Deserialize<'de> for AdminTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddressOrTable)
    }
}

/// `{ listen = … }`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    #[schemars(with = "String")]
    listen: SocketAddr,
    token_file: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
}

struct AddressOrTable;

impl<'de> Visitor<'de> for AddressOrTable {
    type Value = AdminTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, as \"127.0.0.1:9090\", or a table { listen = \"127.0.0.1:9090\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AdminTable, E> {
        let listen = text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
        Ok(AdminTable { listen, token_file: None, hosts: Vec::new(), token: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AdminTable, A::Error> {
        let Fields { listen, token_file, hosts } = Fields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(AdminTable { listen, token_file, hosts, token: None })
    }
}

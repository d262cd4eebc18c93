//! `admin`: the balancer's own pages, on a port of their own, until the gateway has drained.

use std::{fmt, net::SocketAddr, path::Path, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use tenantry::Balancer;
use tenantry_tower::{
    admin::{Admin, Hosts, Token, TokenError},
    metrics::Metrics,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{config::Settings, unfit::Unfit};

/// `admin = "127.0.0.1:9090"`, or `{ listen = …, token_file = …, hosts = […] }`. Without a token there are no actions.
#[derive(Clone, Debug)]
pub struct AdminTable {
    listen: SocketAddr,
    token_file: Option<String>,
    hosts: Vec<String>,
    token: Option<Token>,
}

/// The pages as they are served; nothing, the default, where the settings name no port.
#[derive(Debug, Default)]
pub struct Served(Option<Serving>);

#[derive(Debug)]
struct Serving {
    address: SocketAddr,
    admin: Admin,
    metrics: Metrics,
    watching: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl AdminTable {
    /// Where to listen.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Whether they say the same, as far as documents tell.
    pub(crate) fn are_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        let words = |table: &Self| (table.listen, table.token_file.clone(), table.hosts.clone());
        one.map(words) == other.map(words)
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

    /// The pages of a balancer, at this address.
    fn admin(&self, balancer: &Balancer, address: SocketAddr) -> Admin {
        let hosts = self.hosts.iter().fold(Hosts::local().listening_on(address), Hosts::with_host);
        let admin = Admin::new(balancer).with_hosts(hosts);
        self.token.iter().cloned().fold(admin, Admin::with_token)
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
    let address = listener.local_addr().map_err(wrong)?;
    let metrics = Metrics::new(balancer);
    let admin = table.admin(balancer, address).with_metrics(metrics.clone());
    let watching = tokio::spawn(admin.clone().run());
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(serve(listener, admin.clone(), stopped));
    Ok(Served(Some(Serving { address, admin, metrics, watching, stop, ended })))
}

impl Served {
    /// Where the pages are.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.as_ref().map(|serving| serving.address)
    }

    /// What `/metrics` tells; its layers measure what the gateway serves.
    #[must_use]
    pub fn metrics(&self) -> Option<&Metrics> {
        self.0.as_ref().map(|serving| &serving.metrics)
    }

    /// From now on `/healthz` answers 503; the pages stay.
    pub fn drain(&self) {
        if let Some(serving) = &self.0 {
            serving.admin.drain();
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
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connection(stream, &admin, &connections),
                // Out of file descriptors, most likely: the next attempt at once would fail too.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    timeout(Duration::from_secs(1), connections.shutdown()).await.ok();
}

fn connection(stream: TcpStream, admin: &Admin, connections: &GracefulShutdown) {
    let service = TowerToHyperService::new(admin.clone());
    let mut http = http1::Builder::new();
    // A head that does not come ends the connection.
    http.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
    let served = connections.watch(http.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move { served.await.ok() });
}

impl<'de> Deserialize<'de> for AdminTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddressOrTable)
    }
}

/// `{ listen = … }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
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

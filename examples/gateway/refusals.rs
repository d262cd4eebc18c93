//! Requests that the listener refuses before the router sees them: told and counted as others are, without a tenant.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    error,
    future::ready,
    mem,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{Request, Response};
use tenantry_tower::{log::LogLayer, metrics, rejection::Problem};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    config::Settings,
    listener::{InboundBody, is_grpc},
    log::LogTable,
    otel::{ServerSpansLayer, server_spans},
    route::Body,
};

/// Who hears of them.
#[derive(Clone, Debug)]
pub(crate) struct Refusals {
    log: LogLayer,
    spans: ServerSpansLayer,
    counts: Option<metrics::Refusals>,
    /// By reason.
    paces: Arc<Mutex<BTreeMap<&'static str, Pace>>>,
}

/// A line now and then for all that happens.
#[derive(Debug, Default)]
struct Pace {
    told: Option<Instant>,
    /// How often it has happened since.
    untold: u64,
}

impl Pace {
    /// Whether this one is told, and how many before it were not.
    fn next(&mut self, now: Instant) -> Option<u64> {
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < EVERY) {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        Some(mem::take(&mut self.untold))
    }
}

impl Refusals {
    pub(crate) fn new(settings: &Settings, counts: Option<metrics::Refusals>) -> Self {
        Self { log: LogTable::layer(settings), spans: server_spans(settings), counts, paces: Arc::default() }
    }

    /// The answer to a request that is refused.
    ///
    /// # Errors
    /// Never.
    pub(crate) fn answer(
        &self,
        request: Request<InboundBody>,
        problem: Problem,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        self.count(problem.code());
        let is_grpc = is_grpc(&request);
        let refuse = service_fn(move |_| {
            ready(Ok(if is_grpc { problem.into_grpc_response() } else { problem.into_response() }))
        });
        self.log.layer(self.spans.layer(refuse)).oneshot(request)
    }

    /// A connection has ended by this error. Where it is a head that cannot be read, hyper has refused it, and there never was a request.
    pub(crate) fn note_end(&self, error: &(dyn error::Error + 'static), client: SocketAddr) {
        let Some(error) = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse()) else {
            return;
        };
        let reason = if error.is_parse_too_large() { HEADERS_TOO_LARGE } else { MALFORMED_HEAD };
        self.note(reason, client.ip());
    }

    /// A connection was not served, because its client has too many.
    pub(crate) fn note_too_many(&self, client: IpAddr) {
        self.note_connection(TOO_MANY_CONNECTIONS, client);
    }

    /// A connection was not served, because its client is banned.
    pub(crate) fn note_banned(&self, client: IpAddr) {
        self.note_connection(CLIENT_BANNED, client);
    }

    /// A connection was not served, because this proxy was to begin it with a header and has not.
    pub(crate) fn note_no_proxy_header(&self, proxy: IpAddr) {
        self.note_connection(NO_PROXY_HEADER, proxy);
    }

    /// Of connections there may be any number, and each costs its client next to nothing.
    fn note_connection(&self, reason: &'static str, client: IpAddr) {
        self.count(reason);
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = paces.entry(reason).or_default().next(Instant::now());
        drop(paces);
        if let Some(untold) = untold {
            let client = client.to_canonical().to_string();
            tracing::info!(target: "tenantry::access", outcome = "rejected", reason, client, untold);
        }
    }

    fn note(&self, reason: &'static str, client: IpAddr) {
        self.count(reason);
        let client = client.to_canonical().to_string();
        tracing::info!(target: "tenantry::access", outcome = "rejected", reason, client);
    }

    fn count(&self, reason: &'static str) {
        self.counts.iter().for_each(|counts| counts.add(reason));
    }
}

/// A head is larger than it may be.
pub(crate) const HEADERS_TOO_LARGE: &str = "HEADERS_TOO_LARGE";

/// A head is none.
const MALFORMED_HEAD: &str = "MALFORMED_HEAD";

/// A client is banned; as the guard's own answers say it.
const CLIENT_BANNED: &str = "CLIENT_BANNED";

/// A client has as many connections as one may have.
const TOO_MANY_CONNECTIONS: &str = "TOO_MANY_CONNECTIONS";

/// What begins is no header of the PROXY protocol.
const NO_PROXY_HEADER: &str = "NO_PROXY_HEADER";

/// How often connections that are refused for one reason are told of.
const EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_line_a_second_that_counts_the_others() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let told = (0..2_500).map(|millis| pace.next(begin + Duration::from_millis(millis)));
        let told: Vec<_> = told.flatten().collect();
        assert_eq!(told, [0, 999, 999]);
    }
}

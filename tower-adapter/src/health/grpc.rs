//! Asks by gRPC, `grpc.health.v1`.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use http::{
    Uri,
    uri::{PathAndQuery, Scheme},
};
use hyper::{client::conn::http2, rt::Executor};
use hyper_util::rt::TokioIo;
use tenantry::CheckFailure;
use tokio::{pin, select, task::JoinSet};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tower::service_fn;

use super::{CheckFailed, connection::Connection, target::Target};

/// Calls `Check` over a connection.
pub(super) async fn ask(
    connection: Box<dyn Connection>,
    target: &Target,
    service: &str,
) -> Result<(), CheckFailed> {
    let tasks = Tasks::default();
    let (sender, connection) = http2::handshake(tasks, TokioIo::new(connection))
        .await
        .map_err(|error| CheckFailed::by(CheckFailure::Broken, &error))?;
    let send = service_fn(move |request| sender.clone().send_request(request));
    let mut client = HealthClient::with_origin(send, origin(target)?);
    let exchange = async move {
        let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await;
        judge(answer.map(|response| response.into_inner().status()))
    };
    pin!(exchange);
    select! {
        biased;
        result = &mut exchange => result,
        _ = connection => exchange.await,
    }
}

fn judge(answer: Result<ServingStatus, tonic::Status>) -> Result<(), CheckFailed> {
    match answer {
        Ok(ServingStatus::Serving) => Ok(()),
        Ok(status) => Err(CheckFailed::new(CheckFailure::NotServing, status.as_str_name())),
        Err(status) => {
            // What breaks below comes as the status's source.
            let broken = status.source().is_some();
            let reason = if broken { CheckFailure::Broken } else { CheckFailure::Status };
            Err(CheckFailed::new(reason, format!("{:?}: {}", status.code(), status.message())))
        }
    }
}

fn origin(target: &Target) -> Result<Uri, CheckFailed> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if target.secure { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(target.authority.clone());
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).map_err(|error| CheckFailed::by(CheckFailure::Other, &error))
}

/// What runs for one connection: when the check is over, so is that.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }
}

//! How the official OpenAI and Anthropic clients for Python and Node take the gateway's refusals. `make sdk` installs them.
#![expect(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::{convert::Infallible, env, path::PathBuf, time::Duration};

use bytes::Bytes;
use gateway_parts::{config::Settings, route::Router, serve};
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tenantry::{Balancer, Budget, BudgetPeriod, Config, PoolSpec, Rate, Request as Ask, TenantSpec};
use tokio::{net::TcpListener, process::Command, sync::oneshot};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that `make sdk` installs"]
async fn pythons_clients_give_up_on_long_waits_and_sit_out_short_ones() {
    let python = env::var("TENANTRY_SDK_PYTHON").expect("make sdk says where the clients are");
    clients_take_refusals_well(&python, "call.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that `make sdk` installs"]
async fn nodes_clients_give_up_on_long_waits_and_sit_out_short_ones() {
    clients_take_refusals_well("node", "call.mjs").await;
}

async fn clients_take_refusals_well(program: &str, script: &str) {
    let balancer = Balancer::new(config(upstream().await)).unwrap();
    for client in CLIENTS {
        for wait in LONG {
            drop(balancer.try_acquire(&Ask::new(&format!("{wait}-{client}"))).unwrap());
        }
    }
    let router = Router::new(&balancer, &Settings::for_only_pool("api"), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let server = tokio::spawn(serve::serve(listener, router, stopped, Duration::from_secs(5)));

    // The first call of all loads what a client loads late; the second of `short` comes when the first has spent its rate.
    let calls = ["free", "hour", "month", "hourly", "monthly", "short", "short"];
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    let run = Command::new(program).arg(folder.join(script)).arg(url).args(calls).kill_on_drop(true).output();
    let run = tokio::time::timeout(Duration::from_secs(60), run).await.expect("no client sleeps for long");
    let run = run.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let printed = String::from_utf8(run.stdout).unwrap();
    let came: Vec<Vec<&str>> = printed.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(came.len(), CLIENTS.len() * calls.len(), "{printed}");
    for call in came {
        let (tenant, what, seconds): (_, _, f64) = (call[0], call[1], call[2].parse().unwrap());
        let refused = balancer.tenant_stats(tenant).unwrap().rejected();
        if LONG.iter().any(|long| tenant.starts_with(long)) {
            assert_eq!((what, refused), ("refusal", 1), "one request and no more: {call:?}");
            assert!(seconds < 1.0, "{call:?}");
        } else {
            assert_eq!(what, "answer", "{call:?}");
            assert_eq!(refused > 0, tenant.starts_with("short"), "{call:?}: {refused} refused");
        }
    }
    stop.send(()).unwrap();
    server.await.unwrap();
}

/// Two tenants of each kind, one for each client: some have a rate, some a budget over a window that rolls, so that it does not end meanwhile.
fn config(upstream: String) -> Config {
    let (hour, month) = (Duration::from_secs(3_600), Duration::from_secs(30 * 86_400));
    let once_per = |period| TenantSpec::new().with_rate(Rate::requests(1, period));
    let budget_per =
        |period| TenantSpec::new().with_budget(Budget::requests(1, BudgetPeriod::Rolling(period)));
    let mut config = Config::new().with_pool("api", PoolSpec::new([upstream]));
    for client in CLIENTS {
        config = config
            .with_tenant(format!("free-{client}"), TenantSpec::new())
            .with_tenant(format!("hour-{client}"), once_per(hour))
            .with_tenant(format!("month-{client}"), once_per(month))
            .with_tenant(format!("hourly-{client}"), budget_per(hour))
            .with_tenant(format!("monthly-{client}"), budget_per(month))
            .with_tenant(format!("short-{client}"), once_per(Duration::from_secs(2)));
    }
    config
}

/// Answers everything with one document that both clients can read.
async fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(async |_: Request<Incoming>| {
                let answer = Response::builder().header(CONTENT_TYPE, "application/json");
                Ok::<_, Infallible>(answer.body(Full::new(Bytes::from_static(ANSWER))).unwrap())
            });
            tokio::spawn(async move {
                // What ends a connection is the gateway's closing it.
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            });
        }
    });
    format!("http://{address}")
}

/// Whoever has spent what there is for long.
const LONG: [&str; 4] = ["hour", "month", "hourly", "monthly"];
const CLIENTS: [&str; 2] = ["chat", "message"];
const ANSWER: &[u8] = br#"{"id":"1","object":"chat.completion","created":0,"model":"m","choices":[],
"type":"message","role":"assistant","content":[],"stop_reason":"end_turn",
"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"input_tokens":1,"output_tokens":1}}"#;

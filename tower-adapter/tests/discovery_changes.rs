//! Endpoints from tower's `Discover`.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use tenantry::{Balancer, Config, DiscoverySpec, DiscoveryStatus, EndpointSpec, Event, PoolSpec};
use tenantry_tower::discovery::{Discoverer, Discovering, DiscoveryError, Found, FromDiscover, Source};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::sleep,
};
use tower::discover::Change;

type Item = Result<Change<u8, EndpointSpec>, &'static str>;

/// What a test sends.
struct Changes(UnboundedReceiver<Item>);

impl Stream for Changes {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.0.poll_recv(cx)
    }
}

fn insert(key: u8, address: &str) -> Item {
    Ok(Change::Insert(key, EndpointSpec::new(address)))
}

fn balancer() -> Balancer {
    Balancer::new(Config::new().with_pool("api", PoolSpec::default())).expect("usable")
}

fn addresses(balancer: &Balancer) -> Vec<String> {
    let pool = balancer.pool_stats("api").expect("it is there");
    pool.endpoints().iter().map(|endpoint| endpoint.address().to_owned()).collect()
}

fn started(balancer: &Balancer) -> (UnboundedSender<Item>, Discovering) {
    let (send, receive) = unbounded_channel();
    let source = FromDiscover::new(Changes(receive));
    (send, Discoverer::new(balancer, "api", source).start().expect("the pool is there"))
}

async fn until(discovering: &Discovering, is_so: impl FnMut(&DiscoveryStatus) -> bool) -> DiscoveryStatus {
    discovering.watch().wait_for(is_so).await.expect("it runs").clone()
}

#[tokio::test(start_paused = true)]
async fn what_is_inserted_and_removed_by_key_comes_and_goes() {
    let balancer = balancer();
    let (send, discovering) = started(&balancer);
    for item in [insert(1, "a"), insert(2, "b"), insert(3, "c"), Ok(Change::Remove(9)), Ok(Change::Remove(1))]
    {
        send.send(item).expect("it listens");
    }
    until(&discovering, |status| status.endpoints() == 2).await;
    assert_eq!(addresses(&balancer), ["b", "c"]);
    let in_one = Event::EndpointsDiscovered {
        pool: "api".to_owned(),
        source: discovering.status().source().to_owned(),
        added: 2,
        removed: 0,
        endpoints: 2,
    };
    assert_eq!(balancer.take_events(), [in_one], "what is there together is one update");
    // Another address under the same key takes the place of the one before.
    send.send(insert(2, "d")).expect("it listens");
    until(&discovering, |_| addresses(&balancer) == ["c", "d"]).await;
    send.send(Ok(Change::Remove(3))).expect("it listens");
    until(&discovering, |status| status.endpoints() == 1).await;
    assert_eq!(addresses(&balancer), ["d"]);
    assert!(discovering.status().source().starts_with("discover "));
}

#[tokio::test(start_paused = true)]
async fn removing_the_last_one_empties_only_a_pool_that_was_told_so() {
    for (spec, left) in [(DiscoverySpec::new(), 1), (DiscoverySpec::new().may_empty(), 0)] {
        let (balancer, (send, receive)) = (balancer(), unbounded_channel());
        let source = FromDiscover::new(Changes(receive));
        let discovering =
            Discoverer::new(&balancer, "api", source).with_spec(spec).start().expect("it is there");
        send.send(insert(1, "a")).expect("it listens");
        until(&discovering, |status| status.endpoints() == 1).await;
        let since = discovering.status();
        send.send(Ok(Change::Remove(1))).expect("it listens");
        until(&discovering, |status| *status != since).await;
        assert_eq!(addresses(&balancer).len(), left);
        assert_eq!(discovering.status().failures() as usize, left);
        // The next one is taken whatever was before.
        send.send(insert(2, "b")).expect("it listens");
        until(&discovering, |_| addresses(&balancer) == ["b"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_seen_changes_nothing_and_what_comes_after_it_counts() {
    let balancer = balancer();
    let (send, discovering) = started(&balancer);
    for item in [insert(1, "a"), Err("the registry is gone"), insert(2, "b")] {
        send.send(item).expect("it listens");
    }
    let status = until(&discovering, |status| status.failures() == 1).await;
    assert_eq!(status.last_failure().map(|failure| failure.problem()), Some("the registry is gone"));
    assert_eq!(addresses(&balancer), ["a"]);
    until(&discovering, |status| status.failures() == 0).await;
    assert_eq!(addresses(&balancer), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_only_fails_is_asked_with_back_off() {
    struct Broken(Arc<AtomicUsize>);
    impl Stream for Broken {
        type Item = Item;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(Some(Err("broken")))
        }
    }
    let (balancer, polls) = (balancer(), Arc::new(AtomicUsize::new(0)));
    let source = FromDiscover::new(Broken(Arc::clone(&polls)));
    let spec = DiscoverySpec::new().with_jitter(0.0);
    let discovering = Discoverer::new(&balancer, "api", source).with_spec(spec).start().expect("it is there");
    sleep(Duration::from_secs(64)).await;
    // After 0, 1, 3, 7, 15, 31 and 61 s, or a few milliseconds later.
    assert!((6..=7).contains(&polls.load(Ordering::SeqCst)), "{polls:?}");
    assert!(discovering.status().failures() >= 6);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_ended_keeps_what_it_has_inserted() {
    let balancer = balancer();
    let (send, discovering) = started(&balancer);
    send.send(insert(1, "a")).expect("it listens");
    drop(send);
    until(&discovering, |status| status.endpoints() == 1).await;
    sleep(Duration::from_secs(86_400)).await;
    assert_eq!(discovering.status().failures(), 0);
    assert_eq!(addresses(&balancer), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_of_ones_own_is_asked_when_its_answer_says() {
    struct Own(Arc<AtomicUsize>);
    impl Source for Own {
        fn name(&self) -> String {
            "own".to_owned()
        }

        async fn find(&mut self) -> Result<Found, DiscoveryError> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Err(DiscoveryError::other("not yet")),
                number => {
                    let address = format!("http://10.0.0.{number}:80");
                    Ok(Found::new([EndpointSpec::new(address)]).with_ttl(Duration::from_secs(60)))
                }
            }
        }
    }
    let (balancer, asked) = (balancer(), Arc::new(AtomicUsize::new(0)));
    let source = Own(Arc::clone(&asked));
    let discovering = Discoverer::new(&balancer, "api", source).start().expect("it is there");
    until(&discovering, |status| status.endpoints() == 1).await;
    assert_eq!((asked.load(Ordering::SeqCst), discovering.status().failures()), (2, 0));
    until(&discovering, |_| addresses(&balancer) == ["http://10.0.0.3:80"]).await;
    // It ends with its balancer, too.
    let mut seen = discovering.watch();
    drop(balancer);
    while seen.changed().await.is_ok() {}
    let error = Discoverer::new(&Balancer::new(Config::new()).expect("usable"), "api", Own(asked)).start();
    assert_eq!(error.map(drop).expect_err("there is no pool").path(), "pools.api");
}

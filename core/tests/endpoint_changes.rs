#![cfg(feature = "config")]
//! Changes of a pool's endpoints as they are written in every language.

use std::collections::BTreeSet;

use tenantry::{
    Balancer, Config, EndpointChange, EndpointSpec, Format, PoolSpec, Request, StrategySpec, TenantSpec,
};

#[test]
fn written_changes_are_made_in_one_order_and_errors_say_where() {
    let config = Config::new()
        .with_pool("api", PoolSpec::new(["a", "b"]).with_strategy(StrategySpec::round_robin()))
        .with_tenant("acme", TenantSpec::new());
    let balancer = Balancer::new(config).expect("it is valid");
    let read = |text: &str| EndpointChange::list_from_text("api", text, Format::Json);
    let changes = read(
        r#"{ "drain": ["b"], "resume": ["c"], "reweigh": { "c": 3 }, "add": ["d", { "address": "c", "drain": true }], "remove": ["a"] }"#,
    );
    let expected = [
        EndpointChange::Remove("a".into()),
        EndpointChange::Add("d".into()),
        EndpointChange::Add(EndpointSpec::new("c").draining()),
        EndpointChange::Reweigh("c".into(), 3),
        EndpointChange::Drain("b".into()),
        EndpointChange::Resume("c".into()),
    ];
    assert_eq!(changes.as_deref(), Ok(expected.as_slice()));
    balancer.change_endpoints("api", &changes.expect("it is valid")).expect("it can be done");
    let served: BTreeSet<String> = (0..100)
        .map(|_| {
            balancer
                .try_acquire(&Request::new("acme"))
                .expect("there is room")
                .endpoint()
                .address()
                .to_owned()
        })
        .collect();
    assert_eq!(served, BTreeSet::from(["c".into(), "d".into()]));
    assert_eq!(read("{}"), Ok(vec![]));
    for (text, path) in [
        ("[]", "pools.api.endpoints"),
        ("{", "pools.api.endpoints"),
        (r#"{ "ad": [] }"#, "pools.api.endpoints.ad"),
        (r#"{ "drain": "b" }"#, "pools.api.endpoints.drain"),
        (r#"{ "add": ["d", { "address": "c", "wieght": 2 }] }"#, "pools.api.endpoints.add[1].wieght"),
        (r#"{ "reweigh": { "http://c:1": -1 } }"#, "pools.api.endpoints.reweigh.\"http://c:1\""),
    ] {
        assert_eq!(read(text).expect_err(text).path(), path);
    }
}

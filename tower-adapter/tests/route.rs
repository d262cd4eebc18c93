//! Routes: which one, who may take it, and what cannot get around them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use proptest::prelude::*;
use serde_json::json;
use tenantry::{Balancer, Config, PoolSpec, Rate, TenantSpec};
use tenantry_tower::{
    balance::{BalanceLayer, PickedEndpoint},
    identity::{ClaimPath, Identity, Scheme},
    rejection::RejectionLayer,
    route::{EncodedSlashes, MatchedRoute, Methods, PathFault, Refusal, Route, RouteLayer, Routes},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};

fn find(routes: &Routes, method: &str, target: &str) -> Result<String, Refusal> {
    let request = Request::builder().method(method).uri(target);
    let mut parts = request.body(()).unwrap().into_parts().0;
    let found = routes.find(&mut parts).map(|route| route.path().to_owned())?;
    Ok(format!("{found} {}", parts.uri))
}

fn rules() -> Routes {
    Routes::new([
        Route::new("/"),
        Route::new("/public"),
        Route::new("/admin").with_tenants(["acme"]),
        Route::new("/public/private").with_tenants(["acme"]),
    ])
    .unwrap()
}

#[test]
fn the_longest_path_wins_by_whole_segments() {
    for (target, found) in [
        ("/", "/ /"),
        ("/x", "/ /x"),
        ("/admin", "/admin /admin"),
        ("/admin/", "/admin /admin/"),
        ("/admin/x?y=/../z", "/admin /admin/x?y=/../z"),
        ("/administrators", "/ /administrators"),
        ("/public/private/x", "/public/private /public/private/x"),
        ("/public/privatex", "/public /public/privatex"),
        ("*", "/ *"),
        ("http://api.test/admin/x", "/admin http://api.test/admin/x"),
    ] {
        assert_eq!(find(&rules(), "GET", target).as_deref(), Ok(found), "{target}");
    }
}

#[test]
fn every_way_to_write_a_path_takes_its_route_and_goes_on_in_one_form() {
    for (target, found) in [
        ("/public/../admin", "/admin /admin"),
        ("/public/%2e%2e/admin", "/admin /admin"),
        ("/public/%2E%2e/admin?q", "/admin /admin?q"),
        ("/public/./../admin/x", "/admin /admin/x"),
        ("/%61dmin/x", "/admin /admin/x"),
        ("/admin/../public/x", "/public /public/x"),
        ("/x/y/../../admin", "/admin /admin"),
        ("/public/x;v=1", "/public /public/x;v=1"),
        ("/public//x", "/public /public//x"),
        ("/public/50%25", "/public /public/50%25"),
    ] {
        assert_eq!(find(&rules(), "GET", target).as_deref(), Ok(found), "{target}");
    }
}

#[test]
fn what_servers_read_differently_is_refused() {
    use PathFault::*;
    for (target, fault) in [
        ("/public/..%2fadmin", Separator),
        ("/public%2f..%2fadmin", Separator),
        ("/public/..%5cadmin", Separator),
        ("/public/%252e%252e/admin", DoubleEscape),
        ("/public/..;/admin", Parameters),
        ("/public/%2e%2e;x/admin", Parameters),
        ("/admin%00", Control),
        ("/admin%0a", Control),
        ("/..", AboveRoot),
        ("/public/../../admin", AboveRoot),
        ("/%c0%ae%c0%ae/admin", Encoding),
        ("//admin", Readings),
        ("/public//private", Readings),
        ("/admin;x", Readings),
        ("/admin;x=1/users", Readings),
        ("/public;x/private", Readings),
        ("/public/private;x", Readings),
        ("//public/x", Readings),
    ] {
        assert_eq!(find(&rules(), "GET", target), Err(Refusal::Path(fault)), "{target}");
    }
}

#[test]
fn slashes_in_names_can_be_kept_where_they_lead_nowhere_else() {
    let routes = rules().with_encoded_slashes(EncodedSlashes::Kept);
    assert_eq!(find(&routes, "GET", "/public/a%2fb").as_deref(), Ok("/public /public/a%2Fb"));
    for target in ["/public%2fprivate", "/public/..%2fadmin", "/admin%2fx", "/%2fadmin"] {
        assert!(matches!(find(&routes, "GET", target), Err(Refusal::Path(_))), "{target}");
    }
}

proptest! {
    /// Whatever is written: a path that goes on is read by the most careless server beneath the route that was found, and in no narrower one.
    #[test]
    fn no_spelling_gets_past_a_rule(parts in proptest::collection::vec(
        prop_oneof![
            Just("/"), Just("admin"), Just("public"), Just("."), Just(".."), Just("%2e"), Just("%2f"), Just("%5c"), Just(";"),
            Just(";x=1"), Just("%00"), Just("%25"), Just("2e"), Just("%61dmin"), Just("x"), Just("private"), Just("//"),
        ], 0..9))
    {
        let path = format!("/{}", parts.concat());
        let Ok(request) = Request::get(&*path).body(()) else { return Ok(()) };
        for slashes in [EncodedSlashes::Refused, EncodedSlashes::Kept] {
            let mut parts = request.clone().into_parts().0;
            let routes = rules().with_encoded_slashes(slashes);
            let Ok(route) = routes.find(&mut parts).map(|route| route.path().to_owned()) else { continue };
            for reading in readings(parts.uri.path()) {
                prop_assert_eq!(longest(&reading), &*route, "{} goes on as {}, read as {}", path, parts.uri, reading);
            }
        }
    }
}

/// Slow and obvious: what servers make of a path. Each decodes once or twice, and with or without parameters, doubled slashes and backslashes.
fn readings(path: &str) -> Vec<String> {
    let mut readings = Vec::new();
    for choice in 0..16_u8 {
        let does = |bit: u8| choice & 1 << bit != 0;
        let mut text = path.to_owned();
        let strip = |text: &str| {
            let names = text.split('/').map(|segment| segment.split(';').next().unwrap());
            names.collect::<Vec<_>>().join("/")
        };
        if does(0) {
            text = strip(&text);
        }
        text = decode(&text);
        if does(1) {
            text = decode(&text);
        }
        if does(2) {
            text = text.replace('\\', "/");
        }
        let mut kept: Vec<&str> = Vec::new();
        for segment in text.split('/').skip(1) {
            match segment {
                "" if does(3) => {}
                "." => {}
                ".." => drop(kept.pop()),
                _ => kept.push(segment),
            }
        }
        readings.push(format!("/{}", kept.join("/")));
    }
    readings
}

fn decode(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let byte = rest.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => (out.push(char::from(byte)), rest = &rest[at + 3..]).1,
            None => (out.push('%'), rest = &rest[at + 1..]).1,
        }
    }
    out + rest
}

fn longest(path: &str) -> &'static str {
    let covers = |rule: &str| path == rule || path.starts_with(&format!("{rule}/"));
    ["/public/private", "/public", "/admin"].into_iter().find(|rule| covers(rule)).unwrap_or("/")
}

fn methods<const N: usize>(names: [&str; N]) -> Methods {
    Methods::parse(names).unwrap()
}

#[test]
fn another_method_does_not_fall_through_to_a_shorter_path() {
    let routes = Routes::new([
        Route::new("/"),
        Route::new("/reports").with_methods(methods(["GET", "HEAD"])),
        Route::new("/reports").with_methods(methods(["PUT"])).with_pool("writers"),
    ])
    .unwrap();
    assert!(find(&routes, "GET", "/reports/7").is_ok() && find(&routes, "PUT", "/reports/7").is_ok());
    for method in ["POST", "DELETE", "PROPFIND", "get"] {
        let refusal = Refusal::Method(methods(["GET", "HEAD", "PUT"]));
        assert_eq!(find(&routes, method, "/reports/7"), Err(refusal), "{method}");
        assert!(find(&routes, method, "/x").is_ok(), "{method}");
    }
    assert_eq!(Methods::parse(["get"]).unwrap_err().to_string().matches("PATCH").count(), 1);
}

#[test]
fn a_host_narrows_a_path_and_never_widens_it() {
    let routes = Routes::new([
        Route::new("/").with_host("api.test").with_pool("exact"),
        Route::new("/").with_host("*.api.test").with_pool("beneath"),
        Route::new("/").with_pool("any"),
        Route::new("/admin").with_pool("admin"),
    ])
    .unwrap();
    let pool = |hosts: &[&str], target: &str| {
        let request = hosts.iter().fold(Request::get(target), |request, host| request.header("host", *host));
        let mut parts = request.body(()).unwrap().into_parts().0;
        routes.find(&mut parts).unwrap().pool().unwrap().to_owned()
    };
    for (host, expected) in [
        ("api.test", "exact"),
        ("API.test:8080", "exact"),
        ("api.test.", "exact"),
        ("a.api.test", "beneath"),
        ("a.b.api.test", "beneath"),
        ("xapi.test", "any"),
        ("api.test.evil.test", "any"),
    ] {
        assert_eq!(pool(&[host], "/x"), expected, "{host}");
        assert_eq!(pool(&[host], "/admin"), "admin", "{host}");
    }
    assert_eq!(pool(&[], "/x"), "any");
    assert_eq!(pool(&["other.test"], "http://api.test/x"), "exact", "RFC 9112 §3.2.2");
}

#[test]
fn a_host_that_servers_read_differently_gets_around_no_rule() {
    let routes = Routes::new([
        Route::new("/").with_host("admin.test").with_tenants(["umbrella"]),
        Route::new("/").with_host("[0::1]").with_tenants(["umbrella"]).with_pool("own"),
        Route::new("/"),
    ])
    .unwrap();
    let found = |routes: &Routes, hosts: &[&str], target: &str| {
        let request = hosts.iter().fold(Request::get(target), |request, host| request.header("host", *host));
        routes.find(&mut request.body(()).unwrap().into_parts().0).cloned()
    };
    for host in [
        "admin.test:80:90",
        "admin.test..",
        "%61dmin.test",
        "admin.test;x",
        "admin.test,",
        "admin.test!",
        "[admin.test]",
        "x@admin.test",
        "admin.test:x",
    ] {
        assert_eq!(found(&routes, &[host], "/").unwrap_err(), Refusal::Host, "{host}");
        // Where nobody asks for the host, it is for whoever sends it on to refuse it.
        assert!(found(&rules(), &[host], "/").is_ok(), "{host}");
    }
    assert_eq!(found(&routes, &["admin.test", "other.test"], "/").unwrap_err(), Refusal::Host);
    assert_eq!(found(&routes, &["other.test"], "http://admin.test;x/").unwrap_err(), Refusal::Host);
    assert_eq!(found(&routes, &["[::1]:80"], "/").unwrap().pool(), Some("own"), "however it is written");
    assert_eq!((Refusal::Host.status().as_u16(), Refusal::Host.code()), (400, "BAD_HOST"));
}

#[test]
fn an_empty_host_is_none() {
    let narrow = || Route::new("/").with_host("admin.test");
    let [narrow, wide] =
        [vec![narrow()], vec![narrow(), Route::new("/").with_pool("others")]].map(Routes::new);
    for host in [&[][..], &[""]] {
        let found = |routes: &Routes| {
            let request = host.iter().fold(Request::get("/"), |request, host| request.header("host", *host));
            let found = routes.find(&mut request.body(()).unwrap().into_parts().0).cloned();
            found.map(|route| route.pool().map(str::to_owned))
        };
        assert_eq!(found(wide.as_ref().unwrap()), Ok(Some("others".to_owned())), "{host:?}");
        assert_eq!(found(narrow.as_ref().unwrap()), Err(Refusal::NotFound), "{host:?}");
    }
}

#[test]
fn routes_that_cannot_be_are_told_by_place_field_and_fix() {
    for (route, field, part) in [
        (Route::new("x"), "path", "start with a slash"),
        (Route::new("/a/../b"), "path", "normal form"),
        (Route::new("/a//b"), "path", "normal form"),
        (Route::new("/%61"), "path", "normal form"),
        (Route::new("/a;x"), "path", "normal form"),
        (Route::new("/x").with_host("a b"), "host", "*.example.com"),
        (Route::new("/x").with_host("a.*"), "host", "*.example.com"),
        (Route::new("/x").with_host("api.test:80"), "host", "*.example.com"),
        (Route::new("/x").with_host("api.test.."), "host", "*.example.com"),
        (Route::new("/x").with_host("[api.test]"), "host", "*.example.com"),
        (Route::new("/x").with_methods(Methods::default()), "methods", "at least one"),
        (Route::new("/"), "path", "route 0"),
        (Route::new("/").with_methods(methods(["GET"])), "path", "route 0"),
        (Route::new("/x").with_limits(TenantSpec::new().with_parent("nobody")), "limits", "nobody"),
    ] {
        let error = Routes::new([Route::new("/"), route]).unwrap_err();
        assert_eq!((error.index(), error.field()), (1, field), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// The answer's status, code and, where it was served, the endpoint.
async fn ask(routes: &Routes, tenant: Option<Identity>, method: Method, target: &str) -> (u16, String) {
    let config = Config::new()
        .with_pool("api", PoolSpec::new(["http://api"]))
        .with_pool("reports", PoolSpec::new(["http://reports"]))
        .with_tenant("acme", TenantSpec::new().with_rate(Rate::per_second(1000)))
        .with_tenant("umbrella", TenantSpec::new().with_pools(["api"]))
        .with_tenant("poor", TenantSpec::new().with_rate(Rate::cost(10, Duration::from_secs(3600))));
    let balancer = Balancer::new(config).unwrap();
    let service = ServiceBuilder::new()
        .layer(RejectionLayer::new())
        .layer(RouteLayer::new(routes.clone()))
        .layer(BalanceLayer::new(balancer))
        .service(service_fn(async |request: Request<Empty<Bytes>>| {
            let picked = request.extensions().get::<PickedEndpoint>().unwrap().address().to_owned();
            let route = request.extensions().get::<MatchedRoute>().unwrap().index();
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(format!("{picked} {route}"))))
        }));
    let mut request = Request::builder().method(method).uri(target).body(Empty::new()).unwrap();
    if let Some(identity) = tenant {
        request.extensions_mut().insert(identity.tenant().clone());
        request.extensions_mut().insert(identity);
    }
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if parts.status == 405 {
        assert!(parts.headers.contains_key("allow"), "RFC 9110 §15.5.6");
    }
    let code = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let code = code.and_then(|body| Some(body["code"].as_str()?.to_owned()));
    (parts.status.as_u16(), code.unwrap_or_else(|| String::from_utf8(body.to_vec()).unwrap()))
}

fn acme() -> Option<Identity> {
    Some(Identity::new("acme", Scheme::Bearer))
}

#[tokio::test]
async fn tenants_scopes_and_claims_open_routes() {
    let routes = Routes::new([
        Route::new("/").with_pool("api"),
        Route::new("/reports").with_pool("reports"),
        Route::new("/own").with_pool("api").with_tenants(["acme"]),
        Route::new("/scoped").with_pool("api").with_scopes(["a", "b"]),
        Route::new("/claimed").with_pool("api").with_claim(ClaimPath::new("org.plan"), "pro"),
        Route::new("/read").with_pool("api").with_methods(methods(["GET"])),
    ])
    .unwrap();
    let get = |tenant, path| ask(&routes, tenant, Method::GET, path);
    let umbrella = || Some(Identity::new("umbrella", Scheme::Bearer));
    let served = |place: &str| (200, place.to_owned());
    let refused = |status, code: &str| (status, code.to_owned());
    assert_eq!(get(acme(), "/x").await, served("http://api 0"));
    assert_eq!(get(acme(), "/reports/x").await, served("http://reports 1"));
    assert_eq!(get(umbrella(), "/reports").await, refused(403, "POOL_FORBIDDEN"));
    assert_eq!(get(acme(), "/own").await, served("http://api 2"));
    assert_eq!(get(umbrella(), "/own").await, refused(403, "ROUTE_FORBIDDEN"));
    assert_eq!(get(umbrella(), "/x/../own").await, refused(403, "ROUTE_FORBIDDEN"));
    assert_eq!(get(umbrella(), "/own;x").await, refused(400, "AMBIGUOUS_PATH"));
    assert_eq!(get(None, "/own").await, refused(403, "ROUTE_FORBIDDEN"));
    assert_eq!(get(None, "/x").await, refused(400, "MISSING_TENANT"));
    let scoped = |scopes: &[&'static str]| acme().map(|identity| identity.with_scopes(scopes.to_vec()));
    assert_eq!(get(scoped(&["b", "a", "c"]), "/scoped").await, served("http://api 3"));
    assert_eq!(get(scoped(&["a"]), "/scoped").await, refused(403, "SCOPE_MISSING"));
    assert_eq!(get(None, "/scoped").await, refused(403, "SCOPE_MISSING"));
    let claiming = |claims| acme().map(|identity| identity.with_claims(claims));
    assert_eq!(get(claiming(json!({ "org": { "plan": "pro" } })), "/claimed").await, served("http://api 4"));
    assert_eq!(
        get(claiming(json!({ "org": { "plan": ["x", "pro"] } })), "/claimed").await,
        served("http://api 4")
    );
    assert_eq!(
        get(claiming(json!({ "org": { "plan": "free" } })), "/claimed").await,
        refused(403, "SCOPE_MISSING")
    );
    assert_eq!(get(acme(), "/claimed").await, refused(403, "SCOPE_MISSING"));
    assert_eq!(ask(&routes, acme(), Method::POST, "/read").await, refused(405, "METHOD_NOT_ALLOWED"));
    let few = Routes::new([Route::new("/only").with_pool("api")]).unwrap();
    assert_eq!(ask(&few, acme(), Method::GET, "/x").await, refused(404, "NO_ROUTE"));
}

#[tokio::test]
async fn a_route_has_limits_and_costs_of_its_own() {
    let limits = TenantSpec::new().with_rate(Rate::requests(2, Duration::from_secs(3600)));
    let routes = Routes::new([
        Route::new("/").with_pool("api"),
        Route::new("/few").with_pool("api").with_limits(limits),
        Route::new("/dear").with_pool("api").with_cost(11),
    ])
    .unwrap();
    let poor = || Some(Identity::new("poor", Scheme::Bearer));
    for tenant in [acme, poor] {
        for expected in [200, 200, 429, 429] {
            assert_eq!(ask(&routes, tenant(), Method::GET, "/few").await.0, expected);
        }
        assert_eq!(ask(&routes, tenant(), Method::GET, "/x").await.0, 200, "other routes are not touched");
    }
    // The balancer is told the cost: more than the tenant's rate of cost may ever pass.
    assert_eq!(ask(&routes, acme(), Method::GET, "/dear").await.0, 200);
    assert_eq!(ask(&routes, poor(), Method::GET, "/dear").await.1, "COST_TOO_HIGH");
}

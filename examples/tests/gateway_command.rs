//! The binary's command line: check, print, schema, top, health, completion, man.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
mod pki;
#[expect(dead_code, reason = "each test uses a part of it")]
mod support;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use folder::Folder;
use gateway_parts::{
    command::{Written, effective, print, schema},
    config::Document,
};
use pki::Authority;
use serde_json::Value;
use support::Program;
use tenantry::{ConfigError, Format};

fn run(arguments: &[&str]) -> Output {
    Command::new(support::gateway()).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn sample() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/gateway.toml"))
}

/// Many keys of the gateway's own table.
const RICH: &str = r#"
affinity = { keys = ["0123456789-secret-one"] }
[pools.api]
endpoints = ["http://10.0.0.1:8080", { address = "http://10.0.0.2:8080", weight = 2 }]
health = { probe = { http = "/healthz", headers = { authorization = "Bearer secret-two" } } }
[pools.next]
endpoints = ["http://10.0.0.3:8080"]
capacity = 8
[tenants.acme]
rate = ["100/s", { requests = 5, per = "10ms", burst = 20 }]
[gateway]
listen = "127.0.0.1:0"
admin = { listen = "127.0.0.1:0", hosts = ["gateway.internal"] }
identify = { api_key = { keys = [{ tenant = "acme", sha256 = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2" }] } }
forwarded = { trusted = ["10.0.0.0/8"] }
guard = { ban = "90s", rules = { probing = { limit = 7 } } }
drain = "90s"
rate_limit_headers = "older"
encoded_slashes = "keep"
routes = [
    { path = "/", pool = "api", key = { header = "x-user" }, hedge = "p99", mirror = { pool = "next", share = 0.05 } },
    { path = "/next", pool = "next", host = "a.test", methods = ["GET"], tenants = ["acme"], scopes = ["read"], claims = { "org.role" = "admin" }, rate = "5/s", cost = 5, priority = 2, retry = { attempts = 3, timeout = "1500ms" }, hedge = "50ms" },
]
limits = { max_connections = 99, header_timeout = "3s" }
upstream = { next = { http2 = true } }
"#;

/// Every table of the gateway's, with as little in it as there may be.
const SPARSE: &str = r#"
[pools.api]
endpoints = ["http://10.0.0.1:8080"]
[pools.next]
endpoints = ["https://10.0.0.3:8080"]
[tenants.acme]
[gateway]
admin = "127.0.0.1:0"
proxy_protocol = { trusted = ["10.0.0.0/8"] }
identify = { jwt = { secret_file = "secret", algorithms = ["HS256"], issuer = "i", audience = "a" } }
guard = {}
alert = { objective = { percent = 99.9 }, objectives = { api = { percent = 99 } }, webhook = { url = "https://hooks.test/secret-three", tls = { ca = "ca.pem" } } }
log = {}
tls = { certificates = [{ certificate = "a.pem", key = "a.key" }], client_ca = "ca.pem" }
routes = [
    { path = "/", pool = "api", key = { header = "x-user" }, rate = "5/s", budget = { requests = 5, per = "day" }, retry = {}, hedge = "p95", mirror = { pool = "next", share = 0.5 } },
]
upstream = { next = { tls = { ca = "ca.pem" } } }
discovery = { api = { dns = "http://api.internal:8080" } }
"#;

/// Reads text as a file that the gateway would read.
fn document(text: &str, format: Format) -> Document {
    Document::from_text(text, format).expect(text)
}

#[test]
fn check_tells_every_error_once_with_path_value_and_fix() {
    let folder = Folder::new("check");
    let file = folder.join("wrong.toml");
    let wrong = r#"
[pools.api]
capacty = 3
strategy = "p2cc"
endpoints = [{ address = "http://a:1", wieght = 1 }, "ftp://x", { address = "http://b:1", weight = -1 }]
[pools."spare parts"]
endpoints = ["http://c:1"]
fallback = "nowhere"
[tenants.acme]
parent = "nobody"
rate = "100/q"
[gateway]
listen = "here"
routes = [{ path = "/", pool = "api" }, { path = "x", pool = "api" }, { path = "/z", pool = "nope" }]
"#;
    fs::write(&file, wrong).unwrap();
    let output = run(&["check", file.to_str().unwrap(), sample().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    for [path, value, fix] in [
        ["pools.api.capacty", "3", "`capacity`"],
        ["pools.api.strategy", "\"p2cc\"", "\"p2c\""],
        ["pools.api.endpoints[0].wieght", "1", "`weight`"],
        ["pools.api.endpoints[1].address", "\"ftp://x\"", "http://host:port"],
        ["pools.api.endpoints[2].weight", "-1", "a whole number"],
        ["pools.\"spare parts\".fallback", "\"nowhere\"", "api"],
        ["tenants.acme.parent", "\"nobody\"", "[tenants.nobody]"],
        ["tenants.acme.rate", "\"100/q\"", "\"100/s\""],
        ["gateway.listen", "\"here\"", "socket address"],
        ["gateway.routes[1].path", "\"x\"", "starts with a slash"],
        ["gateway.routes[2].pool", "\"nope\"", "api"],
    ] {
        let start = format!("{}: error: {path}: {value} cannot be used: ", file.display());
        let lines: Vec<&str> = told.lines().filter(|line| line.starts_with(&start)).collect();
        assert_eq!(lines.len(), 1, "{start}\n{told}");
        assert!(lines[0].contains(fix), "{fix}: {}", lines[0]);
    }
    assert_eq!(told.matches(": error: ").count(), 11, "{told}");
    assert!(told.contains(&format!("{}: can be served", sample().display())), "{told}");
}

#[test]
fn check_tells_what_cannot_be_read_and_never_panics() {
    let folder = Folder::new("check-broken");
    for (name, content, part) in [
        ("a.toml", "x = [", "write valid Toml"),
        ("a.json", "{\"pools\": 1, \"pools\": 2}", "write valid Json"),
        ("a.yaml", "pools: [", "write valid Yaml"),
        ("b.json", "[]", "table"),
        ("c.json", "7", "table"),
        ("d.json", "{}", "pools: add a pool"),
        (
            "e.json",
            "{\"pools\": {\"\": {\"endpoints\": [[[]]]}}, \"gateway\": []}",
            "pools.\"\".endpoints[0]",
        ),
        ("a.txt", "", ".toml, .yaml"),
    ] {
        let file = folder.join(name);
        fs::write(&file, content).unwrap();
        let output = run(&["check", file.to_str().unwrap()]);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        assert!(told.contains(part), "{name}: {told}");
        assert!(output.stderr.is_empty(), "{name}: {}", text(&output.stderr));
    }
    let missing = folder.join("missing.toml");
    assert_eq!(run(&["check", missing.to_str().unwrap()]).status.code(), Some(1));
    assert_eq!(run(&["check"]).status.code(), Some(2));
}

#[test]
fn check_warns_of_what_is_legal_and_looks_like_a_mistake() {
    let folder = Folder::new("check-warns");
    let file = folder.join("odd.toml");
    let odd = r#"
unknown_tenants = { template = "free" }
[pools.api]
endpoints = ["http://a:1", "http://a:2"]
[pools.idle]
endpoints = [{ address = "http://b:1", weight = 0 }]
[templates.free]
[templates.gold]
[tenants.acme]
pools = ["api", { pool = "idle", until = "2001-01-01T00:00:00Z" }]
[gateway]
admin = "0.0.0.0:9090"
identify = { header = "x-tenant", trusted = ["0.0.0.0/0"] }
routes = [{ path = "/", pool = "api" }]
"#;
    fs::write(&file, odd).unwrap();
    let output = run(&["check", file.to_str().unwrap()]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for path in [
        "pools.api.health.probe",
        "pools.idle: ",
        "pools.idle.endpoints",
        "templates.free",
        "templates.gold",
        "tenants.acme.pools[1].until",
        "gateway.identify.trusted",
        "gateway.admin",
    ] {
        assert!(told.contains(&format!(": warning: {path}")), "{path}\n{told}");
    }
    fs::write(&file, "[pools.api]\nendpoints = [\"http://a:1\"]\n[tenants.acme]\n").unwrap();
    let told = text(&run(&["check", file.to_str().unwrap()]).stdout);
    assert_eq!(told, format!("{}: can be served\n", file.display()));
}

#[test]
fn what_is_printed_reads_as_the_same_configuration_in_every_format() {
    let sample = fs::read_to_string(sample()).unwrap();
    let one_pool = "[pools.api]\nendpoints = [\"http://a:1\"]\n";
    for written in [sample.as_str(), RICH, one_pool] {
        let first = document(written, Format::Toml);
        for (form, format) in
            [(Written::Toml, Format::Toml), (Written::Yaml, Format::Yaml), (Written::Json, Format::Json)]
        {
            let printed = print(&first, form).unwrap();
            let again = document(&printed, format);
            assert_eq!(effective(&again), effective(&first), "{printed}");
            assert_eq!(print(&again, form).unwrap(), printed);
        }
    }
}

/// Where a document has no value for what its schema knows.
fn unsaid(schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    for form in ["anyOf", "oneOf"].iter().filter_map(|key| schema[key].as_array()).flatten() {
        let is_this = form["type"].as_str().is_none_or(|kind| (kind == "object") == value.is_object());
        if is_this {
            unsaid(form, value, path, found);
        }
    }
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match value.get(key) {
            Some(value) => unsaid(inner, value, &path, found),
            None => drop(found.insert(path)),
        }
    }
    if schema["additionalProperties"].is_object() {
        for value in value.as_object().into_iter().flat_map(|entries| entries.values()) {
            unsaid(&schema["additionalProperties"], value, &format!("{path}.*"), found);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        unsaid(&schema["items"], item, &format!("{path}[]"), found);
    }
}

#[test]
fn what_is_printed_lacks_only_what_has_no_value_to_write() {
    let authority = Authority::new("print-sparse");
    authority.write("a", &authority.issue(&["a.test"]));
    fs::write(authority.file("secret"), "0123456789abcdef0123456789abcdef").unwrap();
    let file = authority.file("sparse.toml");
    fs::write(&file, SPARSE).unwrap();
    let first = Document::read(&file).unwrap();
    for (form, name) in [(Written::Toml, "a.toml"), (Written::Yaml, "a.yaml"), (Written::Json, "a.json")] {
        let printed = print(&first, form).unwrap();
        assert!(!printed.contains("secret-"), "{printed}");
        fs::write(authority.file(name), &printed).unwrap();
        let again = Document::read(&authority.file(name)).unwrap();
        assert_eq!(effective(&again), effective(&first), "{printed}");
        assert_eq!(print(&again, form).unwrap(), printed);
    }
    let mut found = BTreeSet::new();
    unsaid(&schema()["properties"]["gateway"], &effective(&first)["gateway"], "", &mut found);
    // Files, headers and names that are not asked for; no limit; the other ways to say the same; what the system decides.
    let expected = [
        ".admin.token_file",
        ".alert.objective.latency",
        ".alert.objectives.*.latency",
        ".alert.webhook.tls.client_certificate",
        ".alert.webhook.tls.client_key",
        ".alert.webhook.tls.server_name",
        ".alert.webhook.token_file",
        ".discovery.*.family",
        ".discovery.*.file",
        ".discovery.*.srv",
        ".discovery.*.timeout",
        ".identify.api_key",
        ".identify.client_certificate",
        ".identify.header",
        ".identify.jwt.jwks",
        ".identify.jwt.jwks_ca",
        ".identify.jwt.jwks_file",
        ".identify.tell",
        ".identify.trusted",
        ".otel",
        ".routes[].host",
        ".routes[].methods",
        ".routes[].retry.timeout",
        ".routes[].retry.try_timeout",
        ".routes[].tenants",
        ".upstream.*.tls.client_certificate",
        ".upstream.*.tls.client_key",
        ".upstream.*.tls.server_name",
    ];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_printed_has_the_defaults_and_no_secret() {
    let folder = Folder::new("print");
    let file = folder.join("rich.toml");
    fs::write(&file, RICH).unwrap();
    for format in ["toml", "yaml", "json"] {
        let output = run(&["print", file.to_str().unwrap(), "--format", format]);
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(!printed.contains("secret-") && !printed.contains("5ec2e7"), "{printed}");
        for said in ["per_tenant", "max_concurrent_streams", "longest_ejection", "keep_alive_timeout"] {
            assert!(printed.contains(said), "{said}: {printed}");
        }
    }
    fs::write(&file, "[pools.api]\n").unwrap();
    let output = run(&["print", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("pools.api"), "{}", text(&output.stderr));
}

/// Documents that stand in the repository, by name.
fn documents() -> Vec<(&'static str, Value)> {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```toml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let mut found: Vec<(&str, Value)> =
        blocks.map(|block| ("README.md", ConfigError::read_text(block, Format::Toml).unwrap())).collect();
    assert!(!found.is_empty());
    found.push(("gateway.toml", tree(include_str!("../gateway.toml"))));
    found.push(("RICH", tree(RICH)));
    let effective = effective(&document(RICH, Format::Toml));
    found.push(("RICH, printed", effective));
    found
}

fn tree(text: &str) -> Value {
    ConfigError::read_text(text, Format::Toml).unwrap()
}

#[test]
fn the_schema_accepts_every_document_of_the_repository() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (name, document) in documents() {
        let problems: Vec<String> = validator
            .iter_errors(&document)
            .map(|problem| format!("{}: {problem}", problem.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}");
    }
}

#[test]
fn the_schema_refuses_what_the_gateway_refuses() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let pools = "[pools.api]\nendpoints = [\"http://a:1\"]\n";
    let good = format!("{pools}[tenants.acme]\n[gateway]\nlisten = \"127.0.0.1:0\"\n");
    document(&good, Format::Toml);
    assert!(validator.is_valid(&tree(&good)));
    for broken in [
        "pols = {}",
        "[pools.api]\n",
        "[pools.api]\nendpoints = [\"http://a:1\"]\ncapacty = 1",
        "[pools.api]\nendpoints = [\"http://a:1\"]\ncapacity = 0",
        "[pools.api]\nendpoints = [\"http://a:1\"]\ncapacity = { kind = \"gradeint\" }",
        "[pools.api]\nendpoints = [\"http://a:1\"]\nstrategy = \"p2cc\"",
        "[pools.api]\nendpoints = [\"http://a:1\"]\nstrategy = { kind = \"p2c\", size = 3 }",
        "[pools.api]\nendpoints = [\"http://a:1\"]\nqueue = { timeout = \"10 weeks\" }",
        "[pools.api]\nendpoints = [{ weight = 2 }]",
        "[pools.api]\nendpoints = [{ address = \"http://a:1\", weight = -1 }]",
        "[pools.api]\nendpoints = [\"http://a:1\"]\nhealth = { outlier = { latency = \"on\" } }",
        &format!("{pools}[tenants.acme]\nrate = \"100/q\""),
        &format!("{pools}[tenants.acme]\nrate = [{{ requests = 5 }}]"),
        &format!("{pools}[tenants.acme]\nbudget = {{ cost = 5, per = \"fortnight\" }}"),
        &format!("{pools}[tenants.acme]\nmax_in_flight = \"many\""),
        &format!("{pools}[gateway]\nlisen = \"127.0.0.1:0\""),
        &format!("{pools}[gateway]\ndrain = \"soon\""),
        &format!("{pools}[gateway]\nroutes = [{{ path = \"/\" }}]"),
        &format!("{pools}[gateway]\nroutes = [{{ path = \"x\", pool = \"api\" }}]"),
        &format!("{pools}[gateway]\nroutes = [{{ path = \"/\", pool = \"api\", hedge = \"p50\" }}]"),
        &format!("{pools}[gateway]\nlimits = {{ max_headers = 0 }}"),
        &format!("{pools}[gateway]\nadmin = {{ lisen = \"127.0.0.1:1\" }}"),
        &format!("{pools}[gateway]\nguard = {{ mode = \"on\" }}"),
    ] {
        assert!(Document::from_text(broken, Format::Toml).is_err(), "the gateway takes {broken}");
        assert!(!validator.is_valid(&tree(broken)), "the schema takes {broken}");
    }
}

#[test]
fn the_schema_command_prints_it() {
    let output = run(&["schema"]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), schema());
}

/// A gateway with admin pages, and where they are.
fn gateway_with_pages(folder: &Folder) -> (Program, String) {
    let file = folder.join("gateway.toml");
    let text = "[pools.api]\nendpoints = [\"http://127.0.0.1:9\"]\n[tenants.acme]\n[gateway]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n";
    fs::write(&file, text).unwrap();
    let mut command = Command::new(support::gateway());
    command.arg("--config").arg(&file).stdout(Stdio::piped());
    let mut program = Program { child: command.spawn().unwrap() };
    let lines = BufReader::new(program.child.stdout.as_mut().unwrap()).lines();
    let pages = lines.map(Result::unwrap).find_map(|line| Some(line.strip_prefix("admin on ")?.to_owned()));
    (program, pages.unwrap())
}

#[test]
fn top_and_health_ask_a_running_gateway() {
    let folder = Folder::new("top");
    let (program, pages) = gateway_with_pages(&folder);
    let output = run(&["top", "--once", "--url", &pages]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for part in ["in flight", "POOL", "api", "ENDPOINT", "http://127.0.0.1:9", "healthy", "TENANT", "acme"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert_eq!(run(&["health", "--url", &pages]).status.code(), Some(0));
    assert_eq!(run(&["health", "--url", &format!("{pages}nothing-here")]).status.code(), Some(1));
    drop(program);
    for command in ["health", "top"] {
        let output = run(&[command, "--url", &pages]);
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        assert!(told.contains("--url") && told.contains("refused"), "{told}");
    }
    let output = run(&["health", "--url", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("write the admin pages' address"), "{}", text(&output.stderr));
}

#[test]
fn shells_and_man_know_every_command() {
    let commands = ["check", "print", "schema", "top", "health", "completion", "man"];
    let manual = run(&["man"]);
    let bash = run(&["completion", "bash"]);
    for command in commands {
        assert!(text(&manual.stdout).contains(&format!(".SH {}", command.to_uppercase())), "{command}");
        assert!(text(&bash.stdout).contains(command), "{command}");
    }
    assert!(text(&manual.stdout).contains("Exit codes"));
    assert_eq!(run(&["completion", "no-shell"]).status.code(), Some(2));
}

#[cfg(not(feature = "otel"))]
#[test]
fn a_gateway_without_opentelemetry_says_how_to_get_it() {
    let text = "[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\notel = { endpoint = \"http://127.0.0.1:4318\" }\n";
    let problem = Document::from_text(text, Format::Toml).unwrap_err().to_string();
    assert!(problem.starts_with("gateway.otel: ") && problem.contains("--features otel"), "{problem}");
    assert!(!jsonschema::validator_for(&schema()).unwrap().is_valid(&tree(text)));
}

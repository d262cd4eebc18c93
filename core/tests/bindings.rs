//! What decides here can be asked from Python and Node, too: held by reading the sources, type by type.

use std::{collections::BTreeSet, fs, path::Path};

/// Where the functions stand that applications call.
const SOURCES: &[&str] = &[
    "backoff.rs",
    "balancer",
    "config/discovery.rs",
    "config/health_check/http.rs",
    "config/health_check/kind.rs",
    "config/health_check/spec.rs",
    "custom.rs",
    "discovery/status.rs",
    "ledger.rs",
    "load/probe_report.rs",
    "load/server_load.rs",
    "outcome.rs",
    "request.rs",
    "stats",
    "strategy/prequal/probe.rs",
    "upstream.rs",
];

/// What Python's users read.
const STUBS: &[&str] =
    &["_native.pyi", "_discovery.py", "_ledger.py", "_server_load.py", "_stats.py", "_strategy.py"];

/// Where the functions of a type are there, if not in one of its name: in Rust, in Python, in Node. `Type.function` are the function's arguments, or what a field holds.
const PLACES: &[(&str, &[&str], &[&str])] = &[
    ("Backoff", &["Backoff", "Backoff.__new__"], &["Backoff", "Backoff.constructor"]),
    ("Balancer", &["Balancer", "Balancer.__new__"], &["Balancer", "BalancerOptions"]),
    ("Candidates", &["Candidates"], &["PickContext"]),
    ("CheckKind", &["HealthCheck"], &["HealthCheck"]),
    ("CheckScheme", &["HealthCheck"], &["HealthCheck"]),
    ("DiscoveryFailure", &["DiscoveryFailure"], &["DiscoveryStatus.lastFailure"]),
    ("DiscoverySpec", &["Balancer.discovery"], &["DiscoverySettings"]),
    ("HealthCheckSpec", &["HealthCheck"], &["HealthCheck"]),
    ("HealthChecks", &["HealthChecks", "HealthCheck"], &["HealthChecks", "HealthCheck"]),
    ("Outcome", &["Lease.finish"], &["Measured", "Outcome"]),
    ("ProbeReport", &["ProbeReport"], &["ServerLoad.report"]),
    ("Probes", &["Probes", "Probe"], &["Probes", "Probe"]),
    ("Request", &["Balancer.acquire"], &["Balancer.acquire", "AcquireOptions", "RequestOptions", "Attempt"]),
    ("ServerLoad", &["ServerLoad", "Begun"], &["ServerLoad", "Begun"]),
    ("UpstreamReport", &["Lease.report_upstream"], &["UpstreamReport"]),
];

/// What has another name there: in Rust, in Python, in Node.
const RENAMED: &[(&str, &str, &str)] = &[
    ("Backoff::new", "__new__", "constructor"),
    ("Balancer::handle_of", "handle", "handle"),
    ("Balancer::new", "__new__", "constructor"),
    ("CheckKind::name", "kind", "kind"),
    ("CheckScheme::name", "scheme", "scheme"),
    ("Discovery::handle_failure", "failed", "failed"),
    ("Discovery::handle_found", "found", "found"),
    ("Discovery::handle_text", "found", "found"),
    ("DiscoverySpec::is_emptying", "may_empty", "mayEmpty"),
    ("HealthChecks::handle_failed", "failed", "failed"),
    ("HealthChecks::handle_passed", "passed", "passed"),
    ("Lease::endpoint", "address", "address"),
    ("PoolStats::is_in_panic", "panic", "panic"),
    ("Probes::handle_answer", "answer", "answer"),
    ("ServerLoad::new", "__new__", "constructor"),
];

/// What is not there, because the language has something of its own for it: DESIGN.md, "What of the core do Python and Node leave out?" A `*` ends a beginning.
const LEFT_OUT: &[&str] = &[
    // Other ways to the same in Rust.
    "Backoff::none",
    "Balancer::acquire_owned",
    "Balancer::try_acquire_owned",
    "Request::of",
    // Look-ups in what is a list or a mapping there.
    "Candidate::index",
    "Candidates::get",
    "Candidates::is_empty",
    "Candidates::iter",
    "Candidates::len",
    "RejectionStats::*",
    "Stats::pool",
    "Stats::tenant",
    // The strategy's second argument.
    "Candidates::key",
    // Arguments, tables and keys of the document in place of values that are built and read.
    "DiscoverySpec::new",
    "FailureCause::is_gateway",
    "HealthCheck::spec",
    "HealthCheckSpec::custom",
    "HealthCheckSpec::every*",
    "HealthCheckSpec::fall",
    "HealthCheckSpec::grpc",
    "HealthCheckSpec::initial",
    "HealthCheckSpec::jitter",
    "HealthCheckSpec::new",
    "HealthCheckSpec::rise",
    "HealthCheckSpec::tcp",
    "HealthCheckSpec::tls",
    "HealthCheckSpec::with_*",
    "HttpCheck::new",
    "HttpCheck::with_*",
    "Outcome::kind",
    "ProbeReport::new",
    "Request::new",
    "UpstreamLimit::*",
    "UpstreamReport::is_empty",
    "UpstreamReport::new",
    // It is bytes.
    "Ledger::*",
    // A timeout and timers of the event loop.
    "Acquire::deadline",
    "Balancer::expire_waiters",
    "Request::deadline",
    // Loops over probes wait; health checks are looked for once a second.
    "HealthChecks::poll_updated",
    "Probes::poll_probe",
    // It is part of the status.
    "Discovery::next_refresh",
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the core lies in the repository")
}

/// The text of a file, or of all that lie in a folder.
fn read(path: &Path) -> String {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a folder of sources");
        return entries.map(|entry| read(&entry.expect("an entry").path())).collect();
    }
    fs::read_to_string(path).expect("a source file")
}

/// The public functions of types, in Rust: `Type::function`.
fn public_functions(text: &str) -> BTreeSet<String> {
    let mut owner = "";
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with("impl") {
            owner = implemented(line);
        }
        let signature = line.strip_prefix("    pub const fn ").or_else(|| line.strip_prefix("    pub fn "));
        if let Some(name) = signature.and_then(|signature| signature.split(['(', '<']).next()) {
            found.insert(format!("{owner}::{name}"));
        }
    }
    found
}

/// The type of `impl Type {`, `impl<'a> Type<'a> {` and `impl<T: Bound<U>> Type<T> {`.
fn implemented(line: &str) -> &str {
    let bare = line.trim_start_matches("impl");
    let name = if bare.starts_with('<') { bare.split("> ").nth(1).unwrap_or_default() } else { bare.trim() };
    name.split(['<', ' ']).next().unwrap_or_default()
}

/// A text without what stands between two marks, which is prose.
fn without(text: &str, begin: &str, end: &str) -> String {
    let mut parts = text.split(begin);
    let first = parts.next().unwrap_or_default().to_owned();
    // Where both marks are the same, every other part is prose.
    if begin == end {
        return first + &parts.skip(1).step_by(2).collect::<String>();
    }
    parts.fold(first, |kept, part| kept + part.split_once(end).map_or("", |(_, rest)| rest))
}

/// One of the languages, without its prose.
struct Declarations {
    text: String,
    /// What comes before a type's members.
    indent: &'static str,
}

impl Declarations {
    /// Whether a name is declared in a place: as a member, a case, or an argument.
    fn has(&self, place: &str, name: &str) -> bool {
        let (owner, function) = place.split_once('.').unwrap_or((place, ""));
        let Some(block) = self.block(owner) else { return false };
        if function.is_empty() {
            let is_case = block.starts_with("type ") && block.contains(&format!("'{name}'"));
            return is_case || self.member(block, name).is_some();
        }
        let Some(member) = self.member(block, function) else { return false };
        member.match_indices(name).any(|(at, _)| {
            let (before, after) = (&member[..at], &member[at + name.len()..]);
            before.ends_with([' ', '(', '"', '\'']) && after.starts_with([':', '?', '"', '\''])
        })
    }

    /// From a type's name up to the next text that is not indented.
    fn block(&self, owner: &str) -> Option<&str> {
        let heads = ["class ", "interface ", "type "].map(|kind| format!("{kind}{owner}"));
        let begin = heads.iter().flat_map(|head| self.text.match_indices(head)).find(|(at, head)| {
            !self.text[at + head.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
        })?;
        let block = &self.text[begin.0..];
        let end = block
            .match_indices('\n')
            .find(|(at, _)| block[at + 1..].starts_with(|next: char| !next.is_whitespace()));
        Some(end.map_or(block, |(at, _)| &block[..at]))
    }

    /// A member, up to the next one.
    fn member<'a>(&self, block: &'a str, name: &str) -> Option<&'a str> {
        let mut places = block.match_indices('\n').map(|(at, _)| at + 1);
        let is_member = |at: usize| {
            let line = block[at..].strip_prefix(self.indent)?;
            line.starts_with(|next: char| next.is_alphanumeric() || next == '_').then_some(line)
        };
        let begin = places.find(|at| {
            let words = ["def ", "async ", "readonly ", "static "];
            let line = is_member(*at)
                .map(|line| words.iter().fold(line, |line, word| line.trim_start_matches(word)));
            line.and_then(|line| line.strip_prefix(name))
                .is_some_and(|rest| rest.starts_with(['(', ':', '?']))
        })?;
        let end = places.find(|at| is_member(*at).is_some()).unwrap_or(block.len());
        Some(&block[begin..end])
    }
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let (initial, rest) = part.split_at(part.len().min(1));
        all + &initial.to_ascii_uppercase() + rest
    })
}

fn is_left_out(function: &str, entry: &str) -> bool {
    entry.strip_suffix('*').map_or(function == entry, |beginning| function.starts_with(beginning))
}

#[test]
fn what_applications_call_is_there_in_python_and_node() {
    let sources: String =
        SOURCES.iter().map(|path| read(&repository().join("core/src").join(path))).collect();
    let functions = public_functions(&sources);
    assert!(functions.len() > 150, "the sources moved");
    let stubs: String = STUBS
        .iter()
        .map(|path| read(&repository().join("bindings-python/python/tenantry").join(path)))
        .collect();
    let python = Declarations { text: without(&stubs, "\"\"\"", "\"\"\""), indent: "    " };
    let types = read(&repository().join("bindings-node/index.d.cts"));
    let node = Declarations { text: without(&types, "/*", "*/"), indent: "  " };

    let mut missing = vec![];
    for function in &functions {
        if LEFT_OUT.iter().any(|entry| is_left_out(function, entry)) {
            continue;
        }
        let (owner, name) = function.split_once("::").expect("a type and its function");
        let own = [owner];
        let (there, here) = PLACES
            .iter()
            .find(|(core, ..)| *core == owner)
            .map_or((&own[..], &own[..]), |(_, python, node)| (*python, *node));
        let plain =
            ["with_", "is_", "has_"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let (snake, camel) = RENAMED
            .iter()
            .find(|(core, ..)| core == function)
            .map_or_else(|| (plain, camel(plain)), |(_, python, node)| (*python, (*node).to_owned()));
        if !there.iter().any(|place| python.has(place, snake)) {
            missing.push(format!("{function}: {snake} of {there:?} in Python"));
        }
        let units = ["", "Ms", "Ns"].map(|unit| format!("{camel}{unit}"));
        if !here.iter().any(|place| units.iter().any(|name| node.has(place, name))) {
            missing.push(format!("{function}: {camel} of {here:?} in Node"));
        }
    }
    assert!(missing.is_empty(), "add these to the bindings, or say in LEFT_OUT why not: {missing:#?}");

    let is_there = |entry: &str| functions.iter().any(|function| is_left_out(function, entry));
    let stale: Vec<_> = LEFT_OUT
        .iter()
        .copied()
        .chain(RENAMED.iter().map(|(core, ..)| *core))
        .filter(|entry| !is_there(entry))
        .collect();
    assert!(stale.is_empty(), "no longer there: {stale:?}");
}

//! What decides here can be asked from Python and Node, too: held by reading the sources.

use std::{collections::BTreeSet, fs, path::Path};

/// Where the functions stand that applications call.
const SOURCES: &[&str] = &[
    "backoff.rs",
    "balancer",
    "config/discovery.rs",
    "config/health_check/http.rs",
    "custom.rs",
    "load/server_load.rs",
    "outcome.rs",
    "request.rs",
    "stats",
    "upstream.rs",
];

/// What has another name there: in Rust, in Python, in Node.
const RENAMED: &[(&str, &str, &str)] = &[
    ("handle_answer", "answer", "answer"),
    ("handle_failed", "failed", "failed"),
    ("handle_failure", "failed", "failed"),
    ("handle_found", "found", "found"),
    ("handle_of", "handle", "handle"),
    ("handle_passed", "passed", "passed"),
    ("is_emptying", "may_empty", "may_empty"),
    ("is_in_panic", "panic", "panic"),
    ("new", "__new__", "constructor"),
    ("with_clock", "clock", "clock"),
    ("with_header", "headers", "headers"),
];

/// What is not there, because the language has something of its own for it: DESIGN.md, "What of the core do Python and Node leave out?"
const LEFT_OUT: &[&str] = &[
    // Other ways to the same in Rust.
    "acquire_owned",
    "try_acquire_owned",
    "of",
    "none",
    "spec",
    // A lease has its endpoint's address.
    "endpoint",
    // A candidate is a member of a list.
    "index",
    "get",
    "iter",
    "len",
    "is_empty",
    // Arguments and not builders: what is given is known to whoever has given it.
    "kind",
    "attempt",
    "left",
    "total",
    "resets_at_unix",
    "resets_in",
    "reset_in",
    "is_gateway",
    // A timeout and timers of the event loop.
    "deadline",
    "expire_waiters",
    // Loops over probes wait; health checks are looked for once a second.
    "poll_probe",
    "poll_updated",
    // It is part of the status.
    "next_refresh",
];

const SOURCE_FILES: &[&str] = &["rs", "py", "pyi", "cts"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the core lies in the repository")
}

/// The text of a source file, or of all that lie in a folder; what is built there (`.so`, `__pycache__`) is none.
fn read(path: &Path) -> String {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a folder of sources");
        return entries.map(|entry| read(&entry.expect("an entry").path())).collect();
    }
    let is_source =
        path.extension().is_some_and(|extension| SOURCE_FILES.iter().any(|known| extension == *known));
    if is_source { fs::read_to_string(path).expect("a source file") } else { String::new() }
}

/// The names of public functions of types, in source text.
fn public_functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let signature =
            line.strip_prefix("    pub const fn ").or_else(|| line.strip_prefix("    pub fn "))?;
        signature.split(['(', '<']).next()
    })
}

/// Whether a name is declared there, as a function, a property, an argument or one of several texts; prose does not count.
fn declares(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let is_text = before.ends_with(['"', '\'']) && after.starts_with(['"', '\'']);
        is_text || (before.ends_with([' ', '(']) && after.starts_with(['(', ':', '?']))
    })
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let (initial, rest) = part.split_at(1);
        all + &initial.to_ascii_uppercase() + rest
    })
}

#[test]
fn what_applications_call_is_there_in_python_and_node() {
    let sources: String =
        SOURCES.iter().map(|path| read(&repository().join("core/src").join(path))).collect();
    let python = read(&repository().join("bindings-python/python/tenantry"));
    let node = read(&repository().join("bindings-node/index.d.cts"));
    let mut missing = vec![];
    let names: BTreeSet<&str> = public_functions(&sources).filter(|name| !LEFT_OUT.contains(name)).collect();
    assert!(names.len() > 100, "the sources moved");
    for name in &names {
        let renamed = RENAMED.iter().find(|(core, ..)| core == name);
        let plain = name.trim_start_matches("with_").trim_start_matches("is_").trim_start_matches("has_");
        let (there, here) = renamed.map_or((plain, plain), |(_, python, node)| (*python, *node));
        let node_names = ["", "Ms", "Ns"].map(|unit| camel(here) + unit);
        if !declares(&python, there) {
            missing.push(format!("{name} in Python"));
        }
        if !node_names.iter().any(|name| declares(&node, name)) {
            missing.push(format!("{name} in Node"));
        }
    }
    assert!(missing.is_empty(), "add these to the bindings, or say in LEFT_OUT why not: {missing:#?}");
    let stale: Vec<_> =
        LEFT_OUT.iter().filter(|name| !public_functions(&sources).any(|found| found == **name)).collect();
    assert!(stale.is_empty(), "no longer there: {stale:?}");
}

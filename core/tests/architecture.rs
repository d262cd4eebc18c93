//! Who may import whom, held by reading the sources.

use std::{fs, path::Path};

/// The columns of CONTRIBUTING.md: a module imports from columns to the left of its own, and from itself.
const COLUMNS: &[&[&str]] = &[
    &["sync"],
    &["time"],
    &["condition"],
    &["outcome", "attempt", "upstream", "rejection", "rng", "ewma", "event", "id", "affinity"],
    &["request", "stats", "custom", "backoff"],
    &["load", "health", "limit"],
    &["ledger"],
    &["config"],
    &["endpoint", "discovery"],
    &["strategy"],
    &["pool"],
    &["admission"],
    &["tenant"],
    &["balancer"],
];

fn column(module: &str) -> usize {
    let found = COLUMNS.iter().position(|column| column.contains(&module));
    assert!(
        found.is_some(),
        "the module `{module}` stands in no column: add it to COLUMNS and CONTRIBUTING.md"
    );
    found.unwrap_or_default()
}

fn sources(root: &Path) -> Vec<(String, String)> {
    let mut found = vec![];
    for entry in fs::read_dir(root).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).expect("a source file")));
        }
    }
    found
}

fn core_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let prefix = format!("{}/", root.display());
    let strip = |(path, text): (String, String)| (path.trim_start_matches(&prefix).to_owned(), text);
    let found: Vec<_> = sources(&root).into_iter().map(strip).collect();
    assert!(found.len() > 40, "the sources moved");
    found
}

/// The modules that a source names after `crate::`, also in a nested `use crate::{…}`.
fn imports(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = vec![];
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            found.extend(heads(list));
        } else {
            found.extend(word(rest));
        }
    }
    found
}

/// The first path segment of each item of a `{…}` list, up to its closing brace.
fn heads(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0, true, vec![]);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            _ if start && character.is_alphabetic() => {
                found.extend(word(&list[at..]));
                start = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
    let is_module = word.starts_with(|c: char| c.is_lowercase());
    is_module.then_some(word)
}

#[test]
fn imports_point_left_only() {
    for (path, text) in core_sources() {
        let own = path.split(['/', '.']).next().expect("a first part").to_owned();
        if own == "lib" {
            continue;
        }
        for import in imports(&text) {
            let left = import == own || column(&import) < column(&own);
            assert!(left, "{path} imports crate::{import}, which does not stand to the left of {own}");
        }
    }
}

#[test]
fn the_core_names_no_adapter_and_no_runtime() {
    for (path, text) in core_sources() {
        for name in [
            "tokio",
            "hyper",
            "tower::",
            "pyo3",
            "napi",
            "std::net",
            "std::fs",
            "std::thread",
            "std::process",
        ] {
            let named = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(name));
            assert!(!named, "{path} names {name}");
        }
    }
}

#[test]
fn only_time_reads_a_clock_and_only_sync_names_atomics() {
    for (path, text) in core_sources() {
        for name in ["Instant::now", "SystemTime", "quanta"] {
            assert!(path == "time.rs" || !code(&text).contains(name), "{path} names {name}");
        }
        let atomics = code(&text).contains("std::sync::atomic") || code(&text).contains("    sync::atomic");
        assert!(
            path == "sync.rs" || !atomics,
            "{path} imports atomics past sync.rs, so loom cannot check it"
        );
    }
}

fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_folders_mod_holds_no_algorithm() {
    for (path, text) in core_sources().into_iter().filter(|(path, _)| path.ends_with("mod.rs")) {
        assert!(text.lines().count() <= 100, "{path} is longer than docs, a trait and re-exports need");
        assert!(text.starts_with("//!"), "{path} opens without saying what the folder is");
    }
}

#[test]
fn files_stay_under_three_hundred_lines_before_tests() {
    for (path, text) in core_sources().into_iter().filter(|(path, _)| !path.contains("tests")) {
        let before_tests = text.split("\n#[cfg(all(test").next().expect("a first part");
        let lines = before_tests.lines().count();
        assert!(lines <= 310, "{path} has {lines} lines before its tests");
    }
}

#[test]
fn this_test_can_fail() {
    let text =
        "use crate::{\n    pool::{Pool, PoolId},\n    time::Time,\n};\nfn f() { crate::rng::draw(1, 2); }";
    assert_eq!(imports(text), ["pool", "time", "rng"]);
}

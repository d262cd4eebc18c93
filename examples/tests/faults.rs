//! `make faults` in brief, as the program that it is: whatever becomes of an upstream, no client of Tenantry's sees an error.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
#[expect(dead_code, reason = "each test uses a part of it")]
mod support;

use std::process::Command;

use folder::Folder;
use support::{example, succeed};

/// Attempts may take longer than on an idle machine: what is asked here is who is served, not when.
fn no_error_is_seen(name: &str, fault: &str) {
    let folder = Folder::new(&format!("faults-{name}"));
    let mut faults = Command::new(example("faults"));
    faults.args(["--only", "Tenantry", "--fault", fault, "--lasting", "2", "--rate", "50"]);
    faults.args(["--patience", "6000", "--folder"]).arg(folder.join(""));
    // It ends with 1 if a client has seen one.
    let told = succeed(&mut faults);
    let row = format!("| {fault} | Tenantry |");
    let rows: Vec<_> = told.lines().filter(|line| line.starts_with(&row)).collect();
    assert!(rows.len() == 1 && rows[0].contains("| 0 of "), "{told}");
}

#[test]
fn of_an_upstream_that_is_killed() {
    no_error_is_seen("kill", "kill");
}

#[test]
fn of_one_that_shows_a_strangers_certificate() {
    no_error_is_seen("certificate", "TLS, wrong certificate");
}

#[test]
fn of_one_whose_name_moves() {
    no_error_is_seen("name", "DNS, name moves");
}

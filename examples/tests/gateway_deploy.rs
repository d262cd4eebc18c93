//! The files of `examples/deploy/`: what they name exists, and what they start is what the gateway understands.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
#[expect(dead_code, reason = "each test uses a part of it")]
mod support;

use std::{
    fs,
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    time::Duration,
};

use clap::Parser;
use folder::Folder;
use gateway_parts::{
    command::{Arguments, Command as Wanted},
    config::Document,
    process::found,
};
use rustix::process::{Pid, Signal, kill_process};
use support::Program;
use tenantry::Format;

const UNIT: &str = include_str!("../deploy/tenantry-gateway.service");
const CONTAINER: &str = include_str!("../deploy/Containerfile");
const README: &str = include_str!("../deploy/README.md");
const INSTALLED: &str = "/usr/local/bin/gateway";

/// The values of a key of the unit.
fn of_unit(key: &str) -> Vec<&'static str> {
    UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// The list of an instruction's exec form.
fn of_container(instruction: &str) -> Vec<String> {
    let joined = CONTAINER.replace("\\\n", " ");
    let line = joined.lines().find_map(|line| line.strip_prefix(instruction)).unwrap().to_owned();
    serde_json::from_str(&line[line.find('[').unwrap()..]).unwrap()
}

fn understood(command: &[&str]) -> Arguments {
    assert_eq!(command[0], INSTALLED);
    Arguments::try_parse_from(command).unwrap()
}

#[test]
fn the_unit_starts_what_the_gateway_understands() {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let start = words(of_unit("ExecStart")[0]);
    let start = understood(&start.iter().map(String::as_str).collect::<Vec<_>>());
    let check = words(of_unit("ExecStartPre")[0]);
    let check = understood(&check.iter().map(String::as_str).collect::<Vec<_>>());
    let Some(Wanted::Check { files }) = check.command else { unreachable!("it checks") };
    assert_eq!(Some(&files[0]), start.config.as_ref());
    assert!(of_unit("ExecReload")[0].contains("kill -HUP $MAINPID"));
    assert!(README.contains(INSTALLED) && README.contains(start.config.unwrap().to_str().unwrap()));
}

#[test]
fn the_unit_is_hardened_and_waits_for_the_drain() {
    for (key, value) in [
        ("Type", "notify"),
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"),
    ] {
        assert_eq!(of_unit(key), [value], "{key}");
    }
    let defaults = Document::from_text("[pools.api]\nendpoints = [\"http://a:1\"]\n", Format::Toml).unwrap();
    let patience: u64 = of_unit("TimeoutStopSec")[0].strip_suffix('s').unwrap().parse().unwrap();
    assert!(
        Duration::from_secs(patience) > defaults.settings.drain() + Duration::from_secs(5),
        "tunnels end after it"
    );
}

#[expect(clippy::print_stderr, reason = "what a run leaves out must be seen")]
fn left_out() {
    eprintln!("LEFT OUT: systemd's word on its unit: systemd-analyze is not installed");
}

#[test]
fn systemd_takes_the_unit() {
    // Machines without systemd, as containers are, have nobody to ask; the other tests look at the unit, too.
    let Ok(analyze) = found("systemd-analyze") else { return left_out() };
    let folder = Folder::new("unit");
    let unit = folder.join("tenantry-gateway.service");
    fs::write(&unit, UNIT.replace(INSTALLED, support::gateway().to_str().unwrap())).unwrap();
    let output = Command::new(analyze).args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !told.contains("tenantry-gateway"), "{told}");
}

#[test]
fn the_container_starts_what_the_gateway_understands_as_nobody_special() {
    let mut start = of_container("ENTRYPOINT");
    start.extend(of_container("CMD"));
    let start = understood(&start.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(README.contains(start.config.unwrap().to_str().unwrap()));
    let health = of_container("HEALTHCHECK");
    let health = understood(&health.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(matches!(health.command, Some(Wanted::Health { .. })));
    let user = CONTAINER.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() > 0), "{user}");
    let built = "-p tenantry-examples --example gateway";
    assert!(CONTAINER.contains(built) && README.contains(built));
    assert!(CONTAINER.contains("target/release/examples/gateway /out/gateway"));
    assert!(CONTAINER.contains(&format!("COPY --from=build /out/gateway {INSTALLED}")));
    assert!(README.contains("-f examples/deploy/Containerfile"));
}

#[test]
fn the_gateway_tells_its_supervisor_when_it_serves_and_when_it_stops() {
    let folder = Folder::new("notify");
    let (file, socket) = (folder.join("gateway.toml"), folder.join("notify"));
    fs::write(&file, "[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\nlisten = \"127.0.0.1:0\"\n")
        .unwrap();
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    supervisor.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = Command::new(support::gateway());
    command.arg("--config").arg(&file).env("NOTIFY_SOCKET", &socket).stdout(Stdio::null());
    let program = Program { child: command.spawn().unwrap() };
    let mut told = [0; 256];
    let length = supervisor.recv(&mut told).unwrap();
    assert_eq!(told[..length], *b"READY=1\n");
    kill_process(Pid::from_child(&program.child), Signal::TERM).unwrap();
    let length = supervisor.recv(&mut told).unwrap();
    assert_eq!(told[..length], *b"STOPPING=1\n");
}

#[test]
fn whoever_asks_for_the_document_as_soon_as_the_gateway_serves_does_not_end_it() {
    let folder = Folder::new("hangup");
    let (file, socket) = (folder.join("gateway.toml"), folder.join("notify"));
    fs::write(&file, "[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\nlisten = \"127.0.0.1:0\"\n")
        .unwrap();
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    supervisor.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The moment is short.
    for _ in 0..10 {
        let mut command = Command::new(support::gateway());
        command.arg("--config").arg(&file).env("NOTIFY_SOCKET", &socket);
        let mut program = Program { child: command.stdout(Stdio::piped()).spawn().unwrap() };
        let id = Pid::from_child(&program.child);
        let mut told = [0; 256];
        let length = supervisor.recv(&mut told).unwrap();
        assert_eq!(told[..length], *b"READY=1\n");
        kill_process(id, Signal::HUP).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        let length = supervisor.recv(&mut told).unwrap();
        assert_eq!(told[..length], *b"STOPPING=1\n");
        assert!(program.child.wait().unwrap().success());
    }
}

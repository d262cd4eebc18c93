//! The real gateway, the real nginx and the real curl, as processes that end with their test.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    thread,
    time::SystemTime,
};

use gateway_parts::process::found;
use rustix::process::{Pid, Signal, kill_process};

use crate::folder::Folder;

/// A program that is ended, by its own id, when its test ends.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) child: Child,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A gateway in a process of its own.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) program: Program,
    pub(crate) url: String,
}

impl Gateway {
    /// Starts it before one endpoint, for a tenant `acme`.
    pub(crate) fn start(folder: &Folder, endpoint: &str) -> Self {
        Self::start_with(folder, endpoint, "")
    }

    /// The same, with more lines in its document's last table, `[gateway]`.
    pub(crate) fn start_with(folder: &Folder, endpoint: &str, more: &str) -> Self {
        Self::start_by(&mut Command::new(gateway()), folder, endpoint, more)
    }

    /// The same as [`start`](Self::start) where it may use one processor only.
    pub(crate) fn start_on_one_processor(folder: &Folder, endpoint: &str) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        let first = allowed.trim().split(['-', ',']).next().unwrap();
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", first]).arg(gateway());
        Self::start_by(&mut command, folder, endpoint, "")
    }

    fn start_by(command: &mut Command, folder: &Folder, endpoint: &str, more: &str) -> Self {
        let config = folder.join("gateway.toml");
        let text = format!(
            "[pools.api]\nendpoints = [{endpoint:?}]\n[tenants.acme]\n[gateway]\nlisten = \"127.0.0.1:0\"\nidentify = {{ header = \"x-tenant\" }}\n{more}\n"
        );
        fs::write(&config, text).unwrap();
        let child = command.arg("--config").arg(&config).stdout(Stdio::piped()).spawn().unwrap();
        let mut program = Program { child };
        let mut line = String::new();
        let out = program.child.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").expect("it says where it listens").to_owned();
        Self { program, url }
    }

    /// The same program once more.
    pub(crate) fn program_again(&self) -> Command {
        Command::new(gateway())
    }

    /// Asks it to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.program.child), Signal::INT).unwrap();
    }
}

/// curl as the tenant `acme`, from the gateway.
pub(crate) fn curl(arguments: &[&str]) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "120", "--header", "x-tenant: acme"])
        .args(arguments);
    curl
}

/// What a program that must succeed has printed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {status}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Where a program is, or what to say where it is not: a test that needs it is left out, loudly, but not in CI.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let found = found(name).ok();
    assert!(
        found.is_some() || env::var("CI").as_deref() != Ok("true"),
        "{name} is not installed, and CI needs it"
    );
    found
}

/// Returns as soon as somebody accepts connections there; fails when the program that should has ended.
pub(crate) fn until_listening(port: u16, child: &mut Child) {
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert_eq!(child.try_wait().unwrap(), None, "the server has ended");
        thread::yield_now();
    }
}

/// The gateway's program.
pub(crate) fn gateway() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| example("gateway"))
}

/// An example's program, of the profile that the tests are built with. cargo builds examples with the tests; where it
/// was told to build only some of them, this builds what is missing or older than its sources.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).expect("a test is in target/<profile>/deps");
    let program = profile.join("examples").join(name);
    if !is_fresh(&program, name) {
        let target = profile.parent().expect("a profile is in the target folder");
        let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--package", "tenantry-examples", "--example", name]);
        build.arg("--target-dir").arg(target).current_dir(root());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "{name} must build");
    }
    program
}

/// All examples are made of the gateway's parts.
fn is_fresh(program: &Path, name: &str) -> bool {
    let Ok(built) = fs::metadata(program).and_then(|data| data.modified()) else { return false };
    ["core/src", "tower-adapter/src", "examples/gateway"]
        .map(PathBuf::from)
        .into_iter()
        .chain([Path::new("examples").join(name)])
        .all(|folder| newest(&root().join(folder)) <= built)
}

fn newest(path: &Path) -> SystemTime {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| newest(&entry.unwrap().path()));
        return entries.max().unwrap_or(SystemTime::UNIX_EPOCH);
    }
    fs::metadata(path).unwrap().modified().unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace's folder")
}

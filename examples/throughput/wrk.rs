//! The load: `wrk`, which asks as fast as it is answered, for ten tenants in turn.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use gateway_parts::process::found;

use crate::{LOAD_CORE, systems::on_core};

/// How to ask.
#[derive(Debug)]
pub(crate) struct Load {
    program: PathBuf,
    script: PathBuf,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Served {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
}

impl Load {
    /// Leaves its script in the folder.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        let script = folder.join("tenants.lua");
        fs::write(&script, SCRIPT)?;
        Ok(Self { program: found("wrk")?, script })
    }

    /// Asks for so long, over 64 connections. An answer that is no 200, or none, is an error.
    pub(crate) fn run(&self, target: SocketAddr, span: Duration) -> io::Result<Served> {
        self.run_over("http", target, span)
    }

    /// The same, over `https` where that is the scheme.
    pub(crate) fn run_over(&self, scheme: &str, target: SocketAddr, span: Duration) -> io::Result<Served> {
        let mut command = on_core(LOAD_CORE, &self.program)?;
        command.args(["--threads", "1", "--connections", "64", "--timeout", "5s", "--duration"]);
        command.arg(format!("{}s", span.as_secs())).arg("--script").arg(&self.script);
        let output = command.arg(format!("{scheme}://{target}/")).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Served::read(&text).ok_or_else(|| {
            io::Error::other(format!(
                "not everything was served: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            ))
        })
    }
}

impl Served {
    /// From what `wrk` prints; nothing where anything went wrong.
    fn read(text: &str) -> Option<Self> {
        if text.contains("Socket errors") || text.contains("Non-2xx") {
            return None;
        }
        let requests = text.lines().find(|line| line.contains(" requests in "))?;
        let per_second = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"))?;
        Some(Self {
            requests: requests.split_whitespace().next()?.parse().ok()?,
            per_second: per_second.trim().parse().ok()?,
        })
    }
}

const SCRIPT: &str = r#"local requests, turn = {}, 0
init = function()
  for tenant = 1, 10 do
    requests[tenant] = wrk.format("GET", "/", { ["x-tenant"] = "tenant-" .. tenant })
  end
end
request = function()
  turn = turn % 10 + 1
  return requests[turn]
end
"#;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 4s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  160022 requests in 4.00s, 35.10MB read\nRequests/sec:  39998.12\nTransfer/sec:      8.77MB\n";

    #[test]
    fn only_a_run_without_errors_counts() {
        assert_eq!(Served::read(GOOD), Some(Served { requests: 160_022, per_second: 39_998.12 }));
        for bad in
            ["  Socket errors: connect 0, read 1, write 0, timeout 0\n", "  Non-2xx or 3xx responses: 7\n"]
        {
            assert_eq!(Served::read(&format!("{GOOD}{bad}")), None);
        }
        assert_eq!(Served::read(""), None);
    }
}

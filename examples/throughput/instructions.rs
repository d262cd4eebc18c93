//! How many instructions a request takes a proxy in user space, counted by callgrind: they hardly mind what else the machine does.
//!
//! What a proxy does by the clock, request or none, is counted in as long a time without load, and taken off: under valgrind, where a request takes fifty times as long, it would weigh fifty times as much. What is left of 64 new connections is a per cent or two.

use std::{
    fs, io, iter,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use clap::Args;
use gateway_parts::process::{Running, found, present};

use crate::{
    systems::{Start, System, built},
    upstreams::Upstreams,
    wrk::Load,
};

/// What is counted.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// For how long, after as long of warming up. Under valgrind a second is some hundred requests.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Only systems whose names contain this, in whatever case.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// In all, or per request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counted {
    instructions: f64,
    /// Cache lines of code that were not among the 32 KiB that a core has at hand.
    code_misses: f64,
    /// The same of data: 48 KiB.
    data_misses: f64,
}

impl Arguments {
    /// Counts and prints, one system after the other.
    pub(crate) fn count(&self, folder: &Path) -> io::Result<()> {
        for program in ["valgrind", "callgrind_control"] {
            found(program)?;
        }
        fs::create_dir_all(folder)?;
        let load = Load::new(folder)?;
        let upstreams = Upstreams::start(folder)?;
        let (systems, missing) = present(built(), &self.only, |system| (system.name(), system.needs()))?;
        missing.iter().for_each(|missing| println!("LEFT OUT: {missing}"));
        println!("| proxy | instructions/request | code cache misses | data cache misses |");
        println!("|---|---:|---:|---:|");
        for system in systems {
            let Counted { instructions, code_misses, data_misses } =
                self.count_one(system, &upstreams, &load, folder)?;
            println!("| {} | {instructions:.0} | {code_misses:.0} | {data_misses:.0} |", system.name());
        }
        Ok(())
    }

    fn count_one(
        &self,
        system: System,
        upstreams: &Upstreams,
        load: &Load,
        folder: &Path,
    ) -> io::Result<Counted> {
        let out = folder.join("callgrind");
        let dumps = ["1", "2"].map(|number| out.with_extension(number));
        let counting = [
            "valgrind".to_owned(),
            "--tool=callgrind".to_owned(),
            "--instr-atstart=no".to_owned(),
            "--cache-sim=yes".to_owned(),
            "--I1=32768,8,64".to_owned(),
            "--D1=49152,12,64".to_owned(),
            "--LL=2097152,16,64".to_owned(),
            format!("--callgrind-out-file={}", out.display()),
        ];
        for old in &dumps {
            // It may not be there.
            fs::remove_file(old).ok();
        }
        let proxy = system.start(&Start { under: &counting, upstreams: upstreams.addresses(), folder })?;
        let span = Duration::from_secs(self.seconds);
        load.run(proxy.address(), span)?;
        control(&proxy, "--instr=on")?;
        let served = load.run(proxy.address(), span)?;
        control(&proxy, "--dump")?;
        thread::sleep(span);
        control(&proxy, "--dump")?;
        let [loaded, idle] = dumps.map(|path| Counted::read_from(&path));
        Ok(loaded?.per_request(idle?, served.requests))
    }
}

fn control(proxy: &Running, order: &str) -> io::Result<()> {
    let mut command = Command::new(found("callgrind_control")?);
    command.arg(order).arg(proxy.id().to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status()?.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("callgrind_control {order} failed")))
}

impl Counted {
    /// Waits for it: a proxy that is slow for being counted may write it after its order has come back.
    fn read_from(path: &Path) -> io::Result<Self> {
        for _ in 0..100 {
            if let Some(counted) = Self::read(&fs::read_to_string(path).unwrap_or_default()) {
                return Ok(counted);
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(io::Error::other(format!("callgrind left nothing in {}", path.display())))
    }

    /// Of what callgrind has dumped.
    fn read(dump: &str) -> Option<Self> {
        let line = |key: &str| dump.lines().find_map(|line| line.strip_prefix(key));
        let names = line("events:")?.split_whitespace();
        let totals = line("totals:").or_else(|| line("summary:"))?.split_whitespace();
        // Zeros at the end are left out: a proxy that does nothing by the clock has few others.
        let totals = totals.chain(iter::repeat("0"));
        let of = |name: &str| names.clone().zip(totals.clone()).find(|(known, _)| *known == name);
        let total = |name: &str| of(name)?.1.parse::<f64>().ok();
        Some(Self {
            instructions: total("Ir")?,
            code_misses: total("I1mr")?,
            data_misses: total("D1mr")? + total("D1mw")?,
        })
    }

    /// What one request took, beside what is done without any.
    fn per_request(self, idle: Self, requests: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "requests of seconds")]
        let each = |loaded: f64, idle: f64| (loaded - idle).max(0.0) / requests.max(1) as f64;
        Self {
            instructions: each(self.instructions, idle.instructions),
            code_misses: each(self.code_misses, idle.code_misses),
            data_misses: each(self.data_misses, idle.data_misses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_by_their_names() {
        let dump = "version: 1\nevents: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\nfn=(1)\n1 2 3\ntotals: 1000 0 0 50 10 5 0 0 0\n";
        let counted = Counted { instructions: 1_000.0, code_misses: 50.0, data_misses: 15.0 };
        assert_eq!(Counted::read(dump), Some(counted));
        assert_eq!(Counted::read("events: Ir\n"), None);
        let nothing = "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\ntotals: 0\n";
        assert_eq!(Counted::read(nothing), Some(Counted::default()));
        let idle = Counted { instructions: 500.0, code_misses: 60.0, data_misses: 0.0 };
        let each = Counted { instructions: 50.0, code_misses: 0.0, data_misses: 1.5 };
        assert_eq!(counted.per_request(idle, 10), each);
    }
}

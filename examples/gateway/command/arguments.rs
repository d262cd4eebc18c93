use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::values::Span;

/// A multi-tenant reverse proxy: every tenant gets its fair share.
///
/// Without a command and without --config: a demo with upstreams and load of its own.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
#[non_exhaustive]
pub struct Arguments {
    /// Serve this configuration (TOML, YAML or JSON, by its extension). Without it: a demo.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// End the demo after so many seconds, with a verdict. Without it the demo runs until Ctrl-C.
    #[arg(long, value_name = "N", conflicts_with = "config", value_parser = clap::value_parser!(u64).range(4..))]
    pub seconds: Option<u64>,
    /// Something else than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Say everything that is wrong with configurations, each thing by path, value and fix, and warn of what is legal but looks like a mistake.
    Check {
        /// The configurations. Files that they name are read, too.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the effective form of a configuration: defaults written out, secrets hidden.
    Print {
        /// The configuration.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How it is written.
        #[arg(long, value_enum, default_value_t = Written::Toml)]
        format: Written,
    },
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Watch a running gateway in the terminal: who is served, who waits, which endpoints are well.
    Top {
        /// Its admin pages.
        #[arg(long, default_value = ADMIN)]
        url: String,
        /// Print one frame, and end. Where the output is no terminal, too, there are no escape sequences.
        #[arg(long)]
        once: bool,
        /// How often to look, as "1s" or "500ms".
        #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
        every: Duration,
    },
    /// Ask a running gateway whether it serves: for containers and scripts.
    Health {
        /// Its admin pages.
        #[arg(long, default_value = ADMIN)]
        url: String,
    },
    /// Print a script that completes this command line in a shell.
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, for man -l.
    Man,
}

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Written {
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

fn time(text: &str) -> Result<Duration, &'static str> {
    match Span::try_from(text.to_owned())? {
        Span(time) if time.is_zero() => Err("write a time that is not zero"),
        Span(time) => Ok(time),
    }
}

const ADMIN: &str = "http://127.0.0.1:9090";
const EXIT_CODES: &str = "Exit codes: 0 all is well · 1 it is not: an error in a configuration, a gateway that does not answer or does not serve, requests cut off at the end · 2 the command line cannot be understood";

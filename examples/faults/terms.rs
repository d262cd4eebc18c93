//! What is the same for all systems: how often clients ask, how long a fault lasts, and how patient everybody is.

use std::time::Duration;

use clap::Args;

/// On the command line.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Terms {
    /// Requests per second.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    rate: u32,
    /// How long a fault lasts; before it all is well for three eighths of that, and what comes after it is watched for five quarters.
    #[arg(long, value_name = "SECONDS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=600))]
    lasting: u32,
    /// How long one attempt may take; clients wait ten times as long.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    patience: u32,
    /// How much later the fault begins.
    #[arg(skip)]
    later: Duration,
}

impl Terms {
    /// The same for the case of this number, whose fault begins at another fraction of a second: else checks each second would be as early or late in all of them.
    pub(crate) fn of_case(mut self, number: u32) -> Self {
        self.later = Duration::from_millis(u64::from(number) * 618 % 1_000); // the golden ratio spreads any number of them
        self
    }

    pub(crate) const fn rate(&self) -> u32 {
        self.rate
    }

    /// How long all is well at first.
    pub(crate) fn calm(&self) -> Duration {
        self.fault() * 3 / 8 + self.later
    }

    /// How long a fault lasts.
    pub(crate) fn fault(&self) -> Duration {
        Duration::from_secs(self.lasting.into())
    }

    /// How long what comes after it is watched.
    pub(crate) fn afterwards(&self) -> Duration {
        self.fault() * 5 / 4
    }

    /// How long one attempt may take, in milliseconds.
    pub(crate) const fn attempt_ms(&self) -> u32 {
        self.patience
    }

    /// After this a client sees an error.
    pub(crate) fn client(&self) -> Duration {
        Duration::from_millis(self.patience.into()) * 10
    }
}

//! The settings of strategies that keep requests with one key together.

use super::{
    ConfigError,
    bounds::{Ratio, number},
};

/// The setter of bounded load.
macro_rules! bounded_load {
    ($spec:ident) => {
        impl $spec {
            /// Bounded load: no endpoint takes a request with which it would have more than `factor` times its fair share of those in
            /// flight in the pool, rounded up; the request goes to the next in its key's order. From 1 to 10; 1.25 is usual.
            /// Default: no bound.
            #[must_use]
            pub const fn with_bounded(mut self, factor: f64) -> Self {
                self.bounded = Some(Ratio::new(factor));
                self
            }

            pub(super) const fn bounded(&self) -> Option<Ratio> {
                self.bounded
            }
        }

        impl Default for $spec {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

/// nginx's consistent hashing: the same keys at the same endpoints. `{ kind = "ketama", bounded = 1.25 }`.
///
/// An endpoint `http://127.0.0.1:19001` hashes as nginx hashes `server 127.0.0.1:19001`, with 160 points per weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KetamaSpec {
    bounded: Option<Ratio>,
}

impl KetamaSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { bounded: None }
    }
}

bounded_load!(KetamaSpec);

/// Envoy's ring hash, by xxh64. `{ kind = "ring", min_size = 1024, max_size = 8388608, bounded = 1.25 }`.
///
/// ```
/// use tenantry::{PoolSpec, RingSpec, StrategySpec};
///
/// let as_envoy = RingSpec::new().with_min_size(1024);
/// let pool = PoolSpec::new(["http://10.0.0.1:8080"]).with_strategy(StrategySpec::Ring(as_envoy));
/// # assert_eq!(pool.strategy(), &StrategySpec::Ring(as_envoy));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSpec {
    min_size: Option<u32>,
    max_size: u32,
    bounded: Option<Ratio>,
}

impl RingSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { min_size: None, max_size: LARGEST_RING, bounded: None }
    }

    /// Envoy's `minimum_ring_size`: at least so many points in all, of which the endpoint of least weight has a whole number. How many
    /// an endpoint has then depends on all the others, so that when one goes, keys of those that stay may move, too, as they do in
    /// Envoy (whose own default is 1024). Default: 160 points per weight, whoever else there is; then nobody else's keys move.
    #[must_use]
    pub const fn with_min_size(mut self, points: u32) -> Self {
        self.min_size = Some(points);
        self
    }

    /// Envoy's `maximum_ring_size`: not many more points than this. Default, and most: 8 388 608.
    #[must_use]
    pub const fn with_max_size(mut self, points: u32) -> Self {
        self.max_size = points;
        self
    }

    pub(crate) const fn min_size(&self) -> Option<u32> {
        self.min_size
    }

    pub(crate) const fn max_size(&self) -> u32 {
        self.max_size
    }

    /// Whether rings by both have the same points.
    pub(crate) fn has_size_of(&self, other: &Self) -> bool {
        (self.min_size, self.max_size) == (other.min_size, other.max_size)
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        number(path, "max_size", self.max_size, 1..=LARGEST_RING)?;
        let Some(min_size) = self.min_size else { return Ok(()) };
        number(path, "min_size", min_size, 1..=LARGEST_RING)?;
        if min_size > self.max_size {
            let fix = format!("give a min_size of at most the max_size, {}", self.max_size);
            return Err(ConfigError::new(format!("{path}.min_size"), min_size, fix));
        }
        Ok(())
    }
}

bounded_load!(RingSpec);

/// Maglev: a table that shares keys most evenly, read in constant time. `{ kind = "maglev", size = 65537, bounded = 1.25 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaglevSpec {
    size: u32,
    bounded: Option<Ratio>,
}

impl MaglevSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 65_537, bounded: None }
    }

    /// The table's places: a prime, best a hundred times the number of endpoints. Default 65 537, at most 5 000 011.
    #[must_use]
    pub const fn with_size(mut self, places: u32) -> Self {
        self.size = places;
        self
    }

    pub(crate) const fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn validate(&self, path: &str, endpoints: usize) -> Result<(), ConfigError> {
        number(path, "size", self.size, 2..=LARGEST_TABLE)?;
        let least = u32::try_from(endpoints).unwrap_or(u32::MAX).max(self.size);
        if least == self.size && is_prime(self.size) {
            return Ok(());
        }
        let fix = match (least..=LARGEST_TABLE).find(|&size| is_prime(size)) {
            Some(prime) => format!("give a prime, and at least the number of endpoints: {prime} is the next"),
            None => format!("give fewer endpoints than the most places of a table, {LARGEST_TABLE}"),
        };
        Err(ConfigError::new(format!("{path}.size"), self.size, fix))
    }
}

bounded_load!(MaglevSpec);

/// Weighted rendezvous hashing: weights are exact and movement is least, but a pick looks at every endpoint.
/// `{ kind = "rendezvous", bounded = 1.25 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RendezvousSpec {
    bounded: Option<Ratio>,
}

impl RendezvousSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { bounded: None }
    }
}

bounded_load!(RendezvousSpec);

fn is_prime(number: u32) -> bool {
    let divisors = (2..).take_while(|&divisor: &u32| divisor.saturating_mul(divisor) <= number);
    number >= 2 && divisors.into_iter().all(|divisor| !number.is_multiple_of(divisor))
}

/// Envoy's default maximum.
const LARGEST_RING: u32 = 8_388_608;
/// Envoy's.
const LARGEST_TABLE: u32 = 5_000_011;

//! How a pool chooses among its endpoints.

use std::sync::Arc;

use super::{
    ConfigError, CustomSpec, KetamaSpec, LeastLoadedSpec, MaglevSpec, P2cSpec, PrequalSpec, RendezvousSpec,
    RingSpec, RoundRobinSpec, WeightedSpec,
    bounds::{Ratio, ratio},
};
use crate::custom::Strategy;

/// A pool's strategy. In the document: its name, or a table with its `kind` and settings, such as `{ kind = "p2c", choices = 3 }`.
///
/// `ketama`, `ring`, `maglev` and `rendezvous` send requests with one [key](crate::Request::key) to one endpoint. They tell endpoints apart by
/// host and port: the scheme and the path of an address do not count. A request without a key, or with an empty one, goes to a random endpoint, by weight. Where
/// the endpoint of a key cannot be used, the next in the key's order serves it until it can. Each takes a bound on the
/// load, such as `{ kind = "ketama", bounded = 1.25 }`. A tenant's shard that is smaller than the pool is served by rendezvous hashing, whichever of them it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StrategySpec {
    /// `p2c`: the better of two random endpoints, by peak latency × in-flight. The default.
    P2c(P2cSpec),
    /// `least_loaded`: the least loaded of all.
    LeastLoaded(LeastLoadedSpec),
    /// `round_robin`: smooth and weighted, as nginx does it.
    RoundRobin(RoundRobinSpec),
    /// `random`: any of them, by weight.
    Random,
    /// `weighted`: in turn, by weights that follow from what the endpoints report of their load (ORCA, gRFC A58).
    Weighted(WeightedSpec),
    /// `ketama`: consistent hashing, as nginx does it.
    Ketama(KetamaSpec),
    /// `ring`: consistent hashing, as Envoy does it.
    Ring(RingSpec),
    /// `maglev`: a hash table of even shares, as Envoy fills it.
    Maglev(MaglevSpec),
    /// `rendezvous`: the endpoint of the best score by key and weight.
    Rendezvous(RendezvousSpec),
    /// `prequal`: by what the endpoints answer to probes.
    Prequal(PrequalSpec),
    /// One's own; not in the document.
    Custom(CustomSpec),
}

impl StrategySpec {
    /// The default: power of two choices.
    #[must_use]
    pub const fn p2c() -> Self {
        Self::P2c(P2cSpec::new())
    }

    /// The least loaded of all, by in-flight.
    #[must_use]
    pub const fn least_loaded() -> Self {
        Self::LeastLoaded(LeastLoadedSpec::new())
    }

    /// In turn, from the first on.
    #[must_use]
    pub const fn round_robin() -> Self {
        Self::RoundRobin(RoundRobinSpec::new())
    }

    /// In turn, by reported load.
    #[must_use]
    pub const fn weighted() -> Self {
        Self::Weighted(WeightedSpec::new())
    }

    /// One's own.
    #[must_use]
    pub fn custom(strategy: Arc<dyn Strategy>) -> Self {
        Self::Custom(CustomSpec::new(strategy))
    }

    /// Whether requests with one key go to one endpoint.
    pub(super) const fn is_by_key(&self) -> bool {
        matches!(self, Self::Ketama(_) | Self::Ring(_) | Self::Maglev(_) | Self::Rendezvous(_))
    }

    /// The factor of bounded load, in millionths.
    pub(crate) fn bounded_millionths(&self) -> Option<u32> {
        self.bounded().map(Ratio::millionths)
    }

    const fn bounded(&self) -> Option<Ratio> {
        match self {
            Self::Ketama(spec) => spec.bounded(),
            Self::Ring(spec) => spec.bounded(),
            Self::Maglev(spec) => spec.bounded(),
            Self::Rendezvous(spec) => spec.bounded(),
            _ => None,
        }
    }

    /// Checks each setting; `path` is the pool's, `endpoints` the number of its endpoints.
    pub(super) fn validate(&self, path: &str, endpoints: usize) -> Result<(), ConfigError> {
        let path = format!("{path}.strategy");
        if let Some(factor) = self.bounded() {
            ratio(&path, "bounded", factor.get(), 1.0..=10.0)?;
        }
        match self {
            Self::P2c(spec) => spec.validate(&path),
            Self::Weighted(spec) => spec.validate(&path),
            Self::Prequal(spec) => spec.validate(&path),
            Self::Ring(spec) => spec.validate(&path),
            Self::Maglev(spec) => spec.validate(&path, endpoints),
            Self::LeastLoaded(_) | Self::RoundRobin(_) | Self::Random | Self::Custom(_) => Ok(()),
            Self::Ketama(_) | Self::Rendezvous(_) => Ok(()),
        }
    }
}

impl Default for StrategySpec {
    fn default() -> Self {
        Self::p2c()
    }
}

impl From<P2cSpec> for StrategySpec {
    fn from(spec: P2cSpec) -> Self {
        Self::P2c(spec)
    }
}

impl From<LeastLoadedSpec> for StrategySpec {
    fn from(spec: LeastLoadedSpec) -> Self {
        Self::LeastLoaded(spec)
    }
}

impl From<RoundRobinSpec> for StrategySpec {
    fn from(spec: RoundRobinSpec) -> Self {
        Self::RoundRobin(spec)
    }
}

impl From<WeightedSpec> for StrategySpec {
    fn from(spec: WeightedSpec) -> Self {
        Self::Weighted(spec)
    }
}

impl From<PrequalSpec> for StrategySpec {
    fn from(spec: PrequalSpec) -> Self {
        Self::Prequal(spec)
    }
}

impl From<KetamaSpec> for StrategySpec {
    fn from(spec: KetamaSpec) -> Self {
        Self::Ketama(spec)
    }
}

impl From<RingSpec> for StrategySpec {
    fn from(spec: RingSpec) -> Self {
        Self::Ring(spec)
    }
}

impl From<MaglevSpec> for StrategySpec {
    fn from(spec: MaglevSpec) -> Self {
        Self::Maglev(spec)
    }
}

impl From<RendezvousSpec> for StrategySpec {
    fn from(spec: RendezvousSpec) -> Self {
        Self::Rendezvous(spec)
    }
}

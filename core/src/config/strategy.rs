//! How a pool chooses among its endpoints.

/// A pool's strategy. In the document: its name, or a table `{ kind = "p2c" }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StrategySpec {
    /// `p2c`: the better of two random endpoints, by peak latency × in-flight. The default.
    #[default]
    P2c,
    /// `round_robin`: smooth and weighted, as nginx does it.
    RoundRobin,
}

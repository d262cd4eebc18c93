//! The tenants and pools that all this happens to: limits of every kind at every level, in variants that an update puts in force.

use std::time::Duration;

use tenantry::{
    Budget, BudgetPeriod, CapacitySpec, Config, Grant, PoolSpec, QueueSpec, Rate, RateUnit, TenantSpec,
    UnknownTenants,
};

/// Longer than all that happens: not one unit of a rate comes back by itself, so that sums are exact.
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// 2026-03-10T00:00:00Z.
pub(crate) const START: Duration = Duration::from_secs(1_773_100_800);

/// Always there.
pub(crate) const FIXED: [&str; 7] = ["org", "team", "owner", "a", "b", "c", "guest"];
/// Made from the template, or configured for a time, or the overflow tenant.
pub(crate) const PASSING: [&str; 5] = ["d", "m0", "m1", "m2", "m3"];

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    Requests,
    Cost,
    Units,
}

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A token bucket.
    Bucket,
    /// A calendar or a sliding window.
    Window,
}

/// The limits of a tenant, in the order in which they are read.
pub(crate) fn limits_of(id: &str) -> &'static [(Counts, Kind)] {
    match id {
        "org" => &[(Counts::Cost, Kind::Bucket), (Counts::Cost, Kind::Window)],
        "team" => &[
            (Counts::Requests, Kind::Window),
            (Counts::Units, Kind::Window),
            (Counts::Requests, Kind::Window),
        ],
        "owner" => &[(Counts::Cost, Kind::Window)],
        "a" => &[(Counts::Requests, Kind::Bucket)],
        "b" => &[(Counts::Cost, Kind::Bucket), (Counts::Cost, Kind::Window)],
        "c" => &[],
        "guest" => &[(Counts::Units, Kind::Bucket), (Counts::Cost, Kind::Window)],
        _ => &[(Counts::Cost, Kind::Window), (Counts::Units, Kind::Window)],
    }
}

/// Who is above a tenant, the nearest first; `c` moves about.
pub(crate) fn parents_of(id: &str, variant: u32) -> &'static [&'static str] {
    match id {
        "org" | "guest" => &[],
        "team" | "owner" => &["org"],
        "c" => [&["team", "org"][..], &["org"], &["owner", "org"], &[]][variant as usize / 2 % 4],
        _ => &["team", "org"],
    }
}

/// A tenant's terms in one of their variants.
pub(crate) fn spec_of(id: &'static str, variant: u32) -> TenantSpec {
    let pick = |amounts: [u64; 2]| amounts[variant as usize % 2];
    let units = || RateUnit::Dimension("units".into());
    let spec = TenantSpec::new().with_weight(1 + variant % 5);
    let spec = match id {
        "org" => spec
            .with_max_in_flight(12)
            .with_rate(Rate::cost(1, MINUTE).with_burst(pick([100_000, 90_000])))
            .with_budget(Budget::cost(1_000_000, BudgetPeriod::Year)),
        "team" => spec
            .with_rate(Rate::requests(10_000, DAY * 32).with_sliding_window())
            .with_budget(Budget::of(units(), pick([10_000, 400]), BudgetPeriod::Year))
            .with_budget(Budget::requests(1_000_000, BudgetPeriod::Year).in_shadow()),
        "owner" => spec
            .with_max_in_flight(6)
            .with_budget(Budget::cost(pick([3_000, 1_500]), BudgetPeriod::Year).with_carry_over(10)),
        "a" => spec.with_max_in_flight(5).with_rate(Rate::requests(1, MINUTE).with_burst(pick([100, 60]))),
        "b" => spec
            .with_rate(Rate::cost(1, MINUTE * (1 + variant / 2 % 2)).with_burst(10_000))
            .with_budget(Budget::cost(pick([5_000, 7]), BudgetPeriod::Rolling(DAY * 365)))
            .with_pools(["api", "gpu"]),
        "c" => spec,
        "guest" => spec
            .with_rate(Rate::of(units(), 1, MINUTE).with_burst(pick([1_000, 50])))
            .with_budget(Budget::cost(pick([2_000, 5]), BudgetPeriod::Rolling(DAY * 64)))
            .with_pools([Grant::of("api"), gpu_for_a_guest(variant)]),
        _ => spec.with_budget(Budget::cost(pick([500, 700]), BudgetPeriod::Year)).with_budget(Budget::of(
            units(),
            pick([900, 60]),
            BudgetPeriod::Rolling(DAY * 365),
        )),
    };
    match parents_of(id, variant).first() {
        Some(parent) => spec.with_parent(*parent),
        None => spec,
    }
}

/// A grant, which in some variants is over.
fn gpu_for_a_guest(variant: u32) -> Grant {
    let grant = Grant::of("gpu");
    if variant.is_multiple_of(3) { grant.until(START) } else { grant }
}

/// What is in force of each tenant, and how the pools are.
pub(crate) fn config(variant: u32, of: impl Fn(&'static str) -> u32, with_d: Option<u32>) -> Config {
    let pool = |seats: u32| {
        PoolSpec::new(["http://10.0.0.1:80", "http://10.0.0.2:80"])
            .with_capacity(CapacitySpec::fixed(seats))
            .with_queue(QueueSpec::new().with_per_tenant(4).with_total(6))
    };
    let base = Config::new()
        .with_seed(9)
        .with_dimensions(["units"])
        .with_pool("api", pool([3, 1, 4][variant as usize % 3]))
        .with_pool("gpu", pool([2, 1][variant as usize % 2]).with_owner("owner"))
        // Whoever is made has the terms of "m0".
        .with_template("free", spec_of("m0", variant))
        .with_unknown_tenants(UnknownTenants::template("free", 3).with_idle(Duration::from_millis(2)));
    let fixed = FIXED.iter().map(|id| (*id, of(id)));
    let all = fixed.chain(with_d.map(|variant| ("d", variant)));
    all.fold(base, |config, (id, variant)| config.with_tenant(id, spec_of(id, variant)))
}

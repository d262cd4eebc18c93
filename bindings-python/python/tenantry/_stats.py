"""What is true now: plain figures, of bounded size whatever ids arrive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class TenantStats:
    """One tenant."""

    id: str
    """Its id; `(overflow)` for the one that newcomers past the bound share, `(other)` for a sum."""
    weight: int
    """Its weight among those that have the same parent; 1 for the own requests of one that has tenants beneath it, 0 for a sum."""
    in_flight: int
    """Requests with a seat."""
    waiting: int
    """Requests waiting for one."""
    beneath: int
    """Requests of tenants beneath it, with a seat or waiting, where it limits them; 0 where it has no limits."""
    completed: int
    """Requests finished, of any outcome, since the tenant came."""
    rejected: int
    """Requests refused since the tenant came."""
    shadow_rejected: int
    """Requests that limits in shadow mode would have refused since the tenant came; they passed, as far as these limits go."""


@dataclass(frozen=True, slots=True)
class TenantPage:
    """Some of all tenants."""

    tenants: tuple[TenantStats, ...]
    """There may be fewer than asked for, also none, with more to come."""
    next: int | None
    """Where the next page starts; `None` when this was the last."""


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """One rate or budget of a tenant or of a parent above it, and what is left of it now."""

    parent: str | None
    """The parent whose limit it is; `None` for the tenant's own."""
    unit: str
    """What it counts: `requests`, `cost`, or a dimension's name."""
    budget: bool
    """Whether it is a budget; else it is a rate."""
    shadow: bool
    """Whether it is in shadow mode, and refuses nobody."""
    amount: int
    """The most units that can pass at once: a rate's burst, a budget's amount with what was carried over."""
    used: int
    """The units that are used now, reservations included; more than the amount where something is owed."""
    remaining: int
    """The units that would pass now."""
    window: float
    """Seconds from empty to full again; of a budget, the length of the window that it is in."""
    next_in: float | None
    """Seconds until one unit more would pass; `None` where the limit is full."""
    full_in: float
    """Seconds until the limit is full again, if nothing else happens."""


@dataclass(frozen=True, slots=True)
class EndpointStats:
    """One endpoint."""

    address: str
    weight: int
    """Its weight as it is configured; 0 takes no new requests but those of sessions."""
    draining: bool
    """Whether it drains: nothing new goes there."""
    in_flight: int
    completed: int
    """Requests finished, of any outcome."""
    failed: int
    """Requests finished with failure or overload."""
    latency: float | None
    """Its recent peak latency in seconds, decayed; `None` before the first sample."""
    health: Literal["healthy", "degraded", "cooling_down", "probation", "ejected", "failing", "disabled"]
    """Where its health stands, the strongest reason first: `cooling_down` has asked to be left alone for a while, `failing` are its health checks."""
    overridden: bool
    """Whether an operator's word is in force, whatever its own health is."""
    ejected: bool
    """Whether real requests have shown that it does not serve: it is ejected or on probation, also where an operator decides otherwise."""
    shadow_ejections: int
    """How often a rule in shadow mode has found it."""
    requests_left: int | None
    """Requests that its own limits, configured or told by it, allow now; `None` where it has none."""
    requests_limit: int | None
    """Of how many, where that is known."""
    cost_left: int | None
    """Cost that they allow now."""
    cost_limit: int | None
    """Of how much, where that is known."""
    returns_in: float | None
    """Seconds for which they keep a request of cost 1 away; `None` where they do not."""


@dataclass(frozen=True, slots=True)
class AttemptStats:
    """The retries in a pool, or the hedges, since it was made."""

    passed: int
    """Those that got a seat."""
    refused: int
    """Those that their tenants' budgets refused."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """One pool."""

    name: str
    capacity: int
    """Its seats now."""
    in_flight: int
    """Seats taken."""
    waiting: int
    """Requests waiting for a seat."""
    panic: bool
    """Whether so few of its endpoints are healthy that unhealthy ones serve, too."""
    retries: AttemptStats
    hedges: AttemptStats
    rejections: dict[str, int] = field(hash=False)
    """Requests for a seat that named this pool and were refused in the end, or that waited here in vain, since the pool was made: how many by `code`,
    without those that never were. What another pool served in its place is none; neither is what `check` refuses."""
    endpoints: tuple[EndpointStats, ...]
    """In the configuration's order."""


@dataclass(frozen=True, slots=True)
class Stats:
    """A reading of everything."""

    tenants: tuple[TenantStats, ...]
    """The most active tenants, at most 100, the most active first."""
    other: TenantStats
    """All other tenants together."""
    pools: tuple[PoolStats, ...]
    """By name."""

    def tenant(self, id: str) -> TenantStats | None:
        """The tenant of this id, if it is among the most active."""
        return next((tenant for tenant in self.tenants if tenant.id == id), None)

    def pool(self, name: str) -> PoolStats | None:
        """The pool of this name."""
        return next((pool for pool in self.pools if pool.name == name), None)


for _class in (TenantStats, TenantPage, LimitStatus, EndpointStats, AttemptStats, PoolStats, Stats):
    _class.__module__ = "tenantry"
del _class

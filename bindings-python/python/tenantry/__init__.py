"""Tenantry: a multi-tenant load balancer to embed.

Every request names its tenant. Tenantry decides whether it may run now, which endpoint serves it, and learns from how it went,
so that no tenant can slow, starve or see another.

    lb = tenantry.Balancer({
        "pools": {"api": {"endpoints": ["http://10.0.0.1:8080", "http://10.0.0.2:8080"]}},
        "tenants": {"acme": {"weight": 3, "rate": "100/s"}},
    })
    with lb.try_acquire("acme", pool="api") as lease:
        call(lease.address)
"""

from tenantry._config import ConfigError
from tenantry._native import Acquire, Balancer, Lease, ManualClock, __version__
from tenantry._rejection import (
    BudgetExhausted,
    CostTooHigh,
    NoEndpoint,
    PoolForbidden,
    QueueFull,
    RateLimited,
    Rejected,
    Saturated,
    TimedOut,
    TooManyInFlight,
    UnknownDimension,
    UnknownPool,
    UnknownTenant,
    WouldTimeOut,
)
from tenantry._stats import EndpointStats, LimitStatus, PoolStats, Stats, TenantPage, TenantStats

__all__ = [
    "Acquire",
    "Balancer",
    "ConfigError",
    "BudgetExhausted",
    "CostTooHigh",
    "EndpointStats",
    "Lease",
    "LimitStatus",
    "ManualClock",
    "NoEndpoint",
    "PoolForbidden",
    "PoolStats",
    "QueueFull",
    "RateLimited",
    "Rejected",
    "Saturated",
    "Stats",
    "TenantPage",
    "TenantStats",
    "TimedOut",
    "TooManyInFlight",
    "UnknownDimension",
    "UnknownPool",
    "UnknownTenant",
    "WouldTimeOut",
    "__version__",
]

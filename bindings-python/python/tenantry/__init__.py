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
from tenantry._discovery import DiscoveryFailure, DiscoveryStatus
from tenantry._health import check_health
from tenantry._ledger import LedgerError, Restored
from tenantry._native import (
    Acquire,
    Backoff,
    Balancer,
    Begun,
    Candidate,
    Discovery,
    EventCursor,
    HealthCheck,
    HealthChecks,
    HttpCheck,
    Lease,
    ManualClock,
    Probe,
    Probes,
    ServerLoad,
    TenantHandle,
    __version__,
)
from tenantry._rejection import (
    BudgetExhausted,
    CostTooHigh,
    HedgeBudgetExhausted,
    NoEndpoint,
    PoolForbidden,
    QueueFull,
    RateLimited,
    Rejected,
    RetryBudgetExhausted,
    Saturated,
    TimedOut,
    TooManyInFlight,
    UnknownDimension,
    UnknownPool,
    UnknownTenant,
    UpstreamLimited,
    WouldTimeOut,
)
from tenantry._server_load import ProbeReport
from tenantry._stats import AttemptStats, EndpointStats, LimitStatus, PoolStats, Stats, TenantPage, TenantStats
from tenantry._strategy import Candidates

__all__ = [
    "Acquire",
    "AttemptStats",
    "Backoff",
    "Balancer",
    "Begun",
    "BudgetExhausted",
    "Candidate",
    "Candidates",
    "ConfigError",
    "CostTooHigh",
    "Discovery",
    "DiscoveryFailure",
    "DiscoveryStatus",
    "EndpointStats",
    "EventCursor",
    "HealthCheck",
    "HealthChecks",
    "HedgeBudgetExhausted",
    "HttpCheck",
    "Lease",
    "LedgerError",
    "LimitStatus",
    "ManualClock",
    "NoEndpoint",
    "PoolForbidden",
    "PoolStats",
    "Probe",
    "ProbeReport",
    "Probes",
    "QueueFull",
    "RateLimited",
    "Rejected",
    "Restored",
    "RetryBudgetExhausted",
    "Saturated",
    "ServerLoad",
    "Stats",
    "TenantHandle",
    "TenantPage",
    "TenantStats",
    "TimedOut",
    "TooManyInFlight",
    "UnknownDimension",
    "UnknownPool",
    "UnknownTenant",
    "UpstreamLimited",
    "WouldTimeOut",
    "__version__",
    "check_health",
]

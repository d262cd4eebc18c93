"""What the tests share: a small configuration, and the check that nothing is left over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tenantry

ADDRESSES = ("http://10.0.0.1:80", "http://10.0.0.2:80")

Make = Callable[..., tenantry.Balancer]


def config(capacity: int = 8, **tenant: Any) -> dict[str, Any]:
    """One pool and two tenants, `acme` with the terms given."""
    pool = {"endpoints": list(ADDRESSES), "capacity": capacity, "strategy": "round_robin"}
    return {"seed": 7, "pools": {"api": pool}, "tenants": {"acme": tenant, "globex": {}}}


def at_rest(lb: tenantry.Balancer) -> None:
    """Nothing in flight and nobody waiting, anywhere."""
    stats = lb.stats()
    parts: list[tenantry.TenantStats | tenantry.PoolStats] = [*stats.tenants, stats.other, *stats.pools]
    assert [(part.in_flight, part.waiting) for part in parts] == [(0, 0)] * len(parts), stats
    for pool in stats.pools:
        assert [endpoint.in_flight for endpoint in pool.endpoints] == [0] * len(pool.endpoints), stats

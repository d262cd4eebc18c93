"""The limits alone: no seat, no endpoint, and what passes is used up."""

from __future__ import annotations

import pytest
from support import Make, config

import tenantry


def test_a_check_uses_the_rate_and_takes_no_seat(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(config(capacity=1, rate="2/s"), clock)
    with lb.try_acquire("acme"):
        # The only seat is taken, and a check needs none.
        lb.check("acme")
        with pytest.raises(tenantry.RateLimited) as caught:
            lb.check("acme")
    assert caught.value.retry_after_ns == 500_000_000
    clock.advance(499_999_999)
    with pytest.raises(tenantry.RateLimited):
        lb.check("acme")
    clock.advance(1)
    lb.check("acme")


def test_a_check_counts_the_cost_and_asks_the_parents() -> None:
    pools = {"api": {"endpoints": ["http://10.0.0.1:80"]}}
    tenants = {"org": {"rate": {"cost": 10, "per": "1s"}}, "acme": {"parent": "org"}}
    lb = tenantry.Balancer({"pools": pools, "tenants": tenants}, clock=tenantry.ManualClock())
    lb.check("acme", cost=7)
    with pytest.raises(tenantry.RateLimited):
        lb.check("acme", cost=4)
    lb.check("acme", cost=3)
    with pytest.raises(tenantry.CostTooHigh):
        lb.check("acme", cost=11)
    stats = lb.tenant_stats("acme")
    assert stats is not None and (stats.in_flight, stats.completed) == (0, 2)


def test_a_check_needs_no_pool_and_knows_a_forbidden_one(make: Make) -> None:
    document = config(pools=["other"])
    document["pools"]["other"] = {"endpoints": ["http://10.0.0.9:80"]}
    lb = make(document)
    lb.check("acme")
    lb.check("acme", pool="other")
    with pytest.raises(tenantry.PoolForbidden):
        lb.check("acme", pool="api")
    with pytest.raises(tenantry.UnknownPool):
        lb.check("acme", pool="apl")
    with pytest.raises(tenantry.UnknownTenant):
        lb.check("nobody")

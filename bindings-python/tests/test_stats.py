"""Statistics: every figure that the core has."""

from __future__ import annotations

from typing import Any

import pytest

import tenantry

ENDPOINTS = [{"address": "http://a:1", "weight": 3, "rate": ["5/s", {"cost": 100, "per": "1m"}]}, "http://b:1"]
TENANTS = {"acme": {"weight": 4, "parent": "org"}, "org": {"weight": 2}, "other": {}}


def balancer() -> tenantry.Balancer:
    pools: dict[str, Any] = {"api": {"endpoints": ENDPOINTS, "capacity": 1}}
    return tenantry.Balancer({"pools": pools, "tenants": TENANTS}, clock=tenantry.ManualClock())


def api(lb: tenantry.Balancer) -> tenantry.PoolStats:
    stats = lb.pool_stats("api")
    assert stats is not None
    return stats


def test_weights_are_told_of_endpoints_as_they_are_now_and_who_drains() -> None:
    lb = balancer()

    def endpoints() -> list[tuple[str, int, bool]]:
        return [(one.address, one.weight, one.draining) for one in api(lb).endpoints]

    assert endpoints() == [("http://a:1", 3, False), ("http://b:1", 1, False)]
    lb.change_endpoints("api", {"reweigh": {"http://a:1": 7}, "drain": ["http://b:1"]})
    assert endpoints() == [("http://a:1", 7, False), ("http://b:1", 1, True)]
    found = [lb.tenant_stats(tenant) for tenant in ("acme", "other")]
    assert [stats.weight for stats in found if stats is not None] == [4, 1]
    assert lb.stats().other.weight == 0


def test_of_how_much_an_endpoints_limits_leave_so_much_is_told_where_it_is_known() -> None:
    left = [(one.requests_left, one.requests_limit, one.cost_left, one.cost_limit) for one in api(balancer()).endpoints]
    assert left == [(5, 5, 100, 100), (None, None, None, None)]


def test_a_panic_is_told_while_it_lasts() -> None:
    lb = balancer()
    assert api(lb).panic is False
    for endpoint in api(lb).endpoints:
        lb.override_health("api", endpoint.address, "ejected")
    assert api(lb).panic is True
    for endpoint in api(lb).endpoints:
        lb.clear_health_override("api", endpoint.address)
    assert api(lb).panic is False


def test_refused_requests_are_counted_by_code() -> None:
    lb = balancer()
    assert api(lb).rejections == {}
    lease = lb.try_acquire("acme")
    for tenant in ("acme", "other", "nobody"):
        with pytest.raises(tenantry.Rejected):
            lb.try_acquire(tenant)
    lease.finish()
    stats = api(lb)
    assert stats.rejections == {"SATURATED": 2, "UNKNOWN_TENANT": 1}
    # Figures can be members of sets, as before there was a dict among them.
    assert len({stats, api(lb)}) == 1


def test_every_reader_of_events_has_a_place_of_its_own() -> None:
    lb = balancer()
    one, other = tenantry.EventCursor(), tenantry.EventCursor()

    def told(events: list[dict[str, Any]]) -> list[Any]:
        return [(event["event"], event["to"]) for event in events]

    lb.override_health("api", "http://a:1", "disabled")
    assert told(lb.events_since(one)) == [("health_overridden", "disabled")]
    assert told(lb.take_events()) == [("health_overridden", "disabled")]
    lb.clear_health_override("api", "http://a:1")
    assert told(lb.events_since(one)) == [("health_overridden", None)]
    assert lb.events_since(one) == []
    assert len(lb.events_since(other)) == 2
    wrong: Any
    for wrong in (None, 0, "start", lb, tenantry.EventCursor):
        with pytest.raises(TypeError, match="cursor"):
            lb.events_since(wrong)

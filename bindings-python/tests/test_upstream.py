"""Limits of the endpoints themselves: configured, or told by them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import tenantry


def balancer(*endpoints: Any) -> tuple[tenantry.Balancer, tenantry.ManualClock]:
    clock = tenantry.ManualClock()
    config = {"pools": {"api": {"endpoints": list(endpoints), "capacity": 8}}, "tenants": {"acme": {}}}
    return tenantry.Balancer(config, clock=clock), clock


def test_a_configured_rate_of_an_endpoint_is_kept_and_its_return_is_exact() -> None:
    lb, clock = balancer({"address": "http://a:1", "rate": ["2/s", {"cost": 10, "per": "1m"}]})
    for _ in range(2):
        lb.try_acquire("acme").finish()
    with pytest.raises(tenantry.UpstreamLimited) as refused:
        lb.try_acquire("acme")
    assert refused.value.code == "UPSTREAM_LIMITED"
    assert refused.value.retry_after_ns == 500_000_000
    assert lb.stats().pools[0].endpoints[0].requests_left == 0
    clock.advance(500_000_000)
    lb.try_acquire("acme").finish()


def test_what_an_answer_tells_holds_until_its_reset() -> None:
    lb, clock = balancer("http://a:1")
    lease = lb.try_acquire("acme")
    assert lease.report_upstream(requests={"left": 0, "limit": 60, "reset": 2.5}, cost={"left": 7, "reset": 60.0})
    lease.finish()
    assert lease.report_upstream(retry_after=60.0) is False
    with pytest.raises(tenantry.UpstreamLimited) as refused:
        lb.try_acquire("acme")
    assert refused.value.retry_after == 2.5
    endpoint = lb.stats().pools[0].endpoints[0]
    assert (endpoint.requests_left, endpoint.cost_left, endpoint.returns_in) == (0, 7, 2.5)
    assert [event["event"] for event in lb.take_events()] == ["upstream_spent"]
    clock.advance(2_500_000_000)
    lb.try_acquire("acme").finish()


def test_a_request_waits_for_the_return_under_a_real_clock() -> None:
    async def run() -> None:
        endpoints = [{"address": "http://a:1", "rate": {"requests": 1, "per": "20ms"}}]
        lb = tenantry.Balancer({"pools": {"api": {"endpoints": endpoints}}, "tenants": {"acme": {}}})

        async def one() -> None:
            async with lb.acquire("acme"):
                pass

        # A lost wake-up would end in `TimedOut`.
        await asyncio.gather(*(one() for _ in range(4)))

    asyncio.run(run())


def test_a_report_that_makes_no_sense_is_an_error() -> None:
    lb, _ = balancer("http://a:1")
    lease = lb.try_acquire("acme")
    wrong: list[dict[str, Any]] = [{}, {"left": -1}, {"left": 1, "reset": -1.0}, {"left": 1, "resets": 5}]
    for requests in wrong:
        with pytest.raises((TypeError, ValueError, OverflowError)):
            lease.report_upstream(requests=requests)
    lease.finish()

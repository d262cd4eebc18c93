"""What operators decide of endpoints, what endpoints ask for, and what is told of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

import tenantry


def balancer(**pool: Any) -> tuple[tenantry.Balancer, tenantry.ManualClock]:
    clock = tenantry.ManualClock()
    api = {"endpoints": ["a", "b"], "strategy": "round_robin", "capacity": 8, **pool}
    return tenantry.Balancer({"pools": {"api": api}, "tenants": {"acme": {}}}, clock=clock), clock


def served(lb: tenantry.Balancer) -> set[str]:
    addresses = set()
    for _ in range(12):
        with lb.try_acquire("acme") as lease:
            addresses.add(lease.address)
    return addresses


def health(lb: tenantry.Balancer, place: int) -> tuple[str, bool]:
    endpoint = lb.stats().pools[0].endpoints[place]
    return endpoint.health, endpoint.overridden


def test_an_operators_word_counts_for_its_time_or_until_it_is_taken_back() -> None:
    lb, clock = balancer()
    lb.override_health("api", "a", "disabled", duration=1.5)
    assert (served(lb), health(lb, 0)) == ({"b"}, ("disabled", True))
    clock.advance(1_500_000_000)
    assert (served(lb), health(lb, 0)) == ({"a", "b"}, ("healthy", False))
    lb.override_health("api", "b", "ejected")
    assert served(lb) == {"a"}
    lb.clear_health_override("api", "b")
    assert served(lb) == {"a", "b"}
    assert lb.take_events() == [
        {"event": "health_overridden", "pool": "api", "endpoint": "a", "to": "disabled", "for_ms": 1_500},
        {"event": "health_overridden", "pool": "api", "endpoint": "b", "to": "ejected", "for_ms": None},
        {"event": "health_overridden", "pool": "api", "endpoint": "b", "to": None, "for_ms": None},
    ]


def test_endpoints_are_compared_when_that_is_asked_for_and_due() -> None:
    rules = {"consecutive_failures": 1_000, "success_rate": "off", "failure_percentage": 30, "latency": "off"}
    lb, clock = balancer(health={"outlier": rules})
    for _ in range(120):
        lease = lb.try_acquire("acme")
        lease.finish("failure" if lease.address == "a" else "success")
    clock.advance(10_000_000_000)
    assert lb.compare_endpoints() == 10.0
    assert health(lb, 0)[0] == "ejected"
    assert [event["reason"] for event in lb.take_events()] == ["failure_percentage"]
    clock.advance(2_500_000_000)
    assert lb.compare_endpoints() == 7.5
    off = {**rules, "failure_percentage": "off"}
    assert balancer(health={"outlier": off})[0].compare_endpoints() is None


@pytest.mark.parametrize(
    ("health", "duration", "error"),
    [("down", None, ValueError), ("", None, ValueError), ("healthy", -1.0, ValueError), ("healthy", math.nan, ValueError), ("healthy", "1s", TypeError), (None, None, TypeError)],
)
def test_a_word_that_is_none_is_an_error(health: Any, duration: Any, error: type[Exception]) -> None:
    lb, _ = balancer()
    with pytest.raises(error):
        lb.override_health("api", "a", health, duration=duration)
    assert served(lb) == {"a", "b"}


def test_what_is_not_there_is_named() -> None:
    lb, _ = balancer()
    with pytest.raises(tenantry.ConfigError, match="pools.web"):
        lb.override_health("web", "a", "disabled")
    with pytest.raises(tenantry.ConfigError, match="pools.api.endpoints"):
        lb.clear_health_override("api", "z")


def test_an_endpoint_cools_down_for_as_long_as_it_says() -> None:
    lb, clock = balancer(health={"cooldown": "2s"})
    lease = lb.try_acquire("acme")
    other = {"a", "b"} - {lease.address}
    lease.finish("overload", retry_after=60.0)
    assert served(lb) == other
    assert "cooling_down" in {health(lb, 0)[0], health(lb, 1)[0]}
    assert [event["for_ms"] for event in lb.take_events()] == [2_000]
    clock.advance(2_000_000_000)
    assert served(lb) == {"a", "b"}


def test_strictly_nobody_is_asked_too_early() -> None:
    lb, _ = balancer(health={"cooldown": {"scope": "credential", "strict": True}}, endpoints=[{"address": "a", "credential": "one"}, {"address": "b", "credential": "one"}])
    lb.try_acquire("acme").finish("overload", retry_after=60.0)
    with pytest.raises(tenantry.UpstreamLimited) as refused:
        lb.try_acquire("acme")
    assert refused.value.retry_after == 60.0


def test_an_ejection_is_told_with_its_evidence() -> None:
    lb, clock = balancer()
    for _ in range(10):
        lease = lb.try_acquire("acme")
        lease.finish("failure" if lease.address == "a" else "success")
    [event] = lb.take_events()
    assert (event["event"], event["endpoint"], event["reason"], event["evidence"]) == ("endpoint_ejected", "a", "consecutive_failures", "5 failures in a row")
    clock.advance(33_000_000_000)
    served(lb)
    assert lb.take_events() == [{"event": "endpoint_returned", "pool": "api", "endpoint": "a"}]


def fail(lb: tenantry.Balancer, times: int, cause: Any) -> None:
    while times > 0:
        lease = lb.try_acquire("acme")
        bad = lease.address == "a"
        times -= bad
        lease.finish("failure" if bad else "success", cause=cause)


def test_gateway_failures_count_apart_and_shadow_mode_only_tells() -> None:
    rules = {"consecutive_gateway_failures": 2, "success_rate": "off", "failure_percentage": 40, "latency": {"factor": 8}}
    for cause in ("gateway", "connection", "timeout"):
        lb, _ = balancer(health={"outlier": rules})
        fail(lb, 1, "application")
        fail(lb, 1, cause)
        assert served(lb) == {"a", "b"}
        fail(lb, 2, cause)
        assert served(lb) == {"b"}
        assert [(event["event"], event["reason"]) for event in lb.take_events()] == [("endpoint_ejected", "consecutive_gateway_failures")]
    lb, _ = balancer(health={"outlier": {**rules, "shadow": True}})
    fail(lb, 2, "timeout")
    assert served(lb) == {"a", "b"}
    assert [event["event"] for event in lb.take_events()] == ["outlier_shadowed"]
    assert [endpoint.shadow_ejections for endpoint in lb.stats().pools[0].endpoints] == [1, 0]

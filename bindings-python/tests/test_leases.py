"""Leases end once, in one way, however the block is left."""

from __future__ import annotations

import asyncio
import gc
from random import Random
from typing import Any

import pytest
from support import ADDRESSES, Make, at_rest, config

import tenantry

OUTCOMES: tuple[Any, ...] = ("success", "failure", "overload", "cancelled")


def counts(lb: tenantry.Balancer) -> tuple[int, int]:
    """Completed and failed, over all endpoints."""
    endpoints = lb.stats().pools[0].endpoints
    return sum(one.completed for one in endpoints), sum(one.failed for one in endpoints)


def test_a_lease_names_its_endpoint_and_takes_a_seat(make: Make) -> None:
    lb = make()
    lease = lb.try_acquire("acme", pool="api", key="user-7", cost=3)
    assert lease.address in ADDRESSES
    assert not lease.finished
    tenant = lb.stats().tenant("acme")
    assert tenant is not None and tenant.in_flight == 1
    assert repr(lease) == f"<Lease {lease.address!r} in flight>"
    assert lease.finish() is True
    assert repr(lease) == f"<Lease {lease.address!r} finished>"


def test_one_endpoint_is_one_string(make: Make) -> None:
    lb = make()
    first, second, third = (lb.try_acquire("acme") for _ in range(3))
    assert first.address != second.address
    assert first.address is third.address


def test_a_lease_says_when_it_was_acquired(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(None, clock)
    clock.advance(1_500)
    lease = lb.try_acquire("acme")
    clock.advance(1_000)
    assert lease.acquired_at == 1_500 and lb.now == 2_500
    lease.finish()
    assert lease.acquired_at is None


def test_keys_are_text_or_bytes(make: Make) -> None:
    lb = make()
    for key in ("", "user-7", b"", b"\xff\x00"):
        lb.try_acquire("acme", key=key).finish()


def test_a_second_finish_does_nothing_and_says_so(make: Make) -> None:
    lb = make()
    lease = lb.try_acquire("acme")
    assert lease.finish("failure") is True
    assert lease.finish() is False
    assert lease.finished
    assert counts(lb) == (1, 1)


def test_only_the_first_finish_is_settled_at_every_level() -> None:
    pools = {"api": {"endpoints": ["http://10.0.0.1:80"], "capacity": 4}}
    budget = {"cost": 1_000_000, "per": "30d"}
    tenants = {"org": {"budget": budget, "max_in_flight": 4}, "acme": {"parent": "org", "budget": budget}}
    lb = tenantry.Balancer({"pools": pools, "tenants": tenants}, clock=tenantry.ManualClock())
    draw, settled = Random(7), 0
    for _ in range(2_000):
        reserved, actual = draw.randrange(20), draw.choice([None, draw.randrange(60)])
        lease = lb.try_acquire("acme", cost=reserved)
        if draw.randrange(4):
            assert lease.finish(draw.choice(OUTCOMES), cost=actual) is True
            settled += reserved if actual is None else actual
        else:
            with lease:
                pass
            settled += reserved
        for _ in range(draw.randrange(3)):
            assert lease.finish(draw.choice(OUTCOMES), cost=draw.randrange(1_000)) is False
        del lease
    limits = lb.limits_of("acme")
    assert limits is not None and [limit.used for limit in limits] == [settled, settled]
    at_rest(lb)


@pytest.mark.parametrize(("outcome", "failed"), [("success", 0), ("failure", 1), ("overload", 1), ("cancelled", 0)])
def test_each_outcome_is_learnt_as_what_it_is(make: Make, outcome: Any, failed: int) -> None:
    lb = make()
    assert lb.try_acquire("acme").finish(outcome, cost=3, latency=0.25, retry_after=1)
    assert counts(lb) == (1, failed)


def test_a_latency_that_is_told_is_the_one_that_is_learnt(make: Make) -> None:
    lb = make()
    lease = lb.try_acquire("acme")
    lease.finish(latency=0.25)
    learnt = [one.latency for one in lb.stats().pools[0].endpoints if one.address == lease.address]
    assert learnt[0] == pytest.approx(0.25, rel=0.01)


def test_a_cost_above_what_was_reserved_is_charged(make: Make) -> None:
    lb = make(config(rate={"cost": 100, "per": "1s"}), tenantry.ManualClock())
    lb.try_acquire("acme", cost=1).finish(cost=150)
    with pytest.raises(tenantry.RateLimited) as caught:
        lb.try_acquire("acme", cost=1)
    assert caught.value.retry_after_ns == 510_000_000


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"outcome": "succes"}, ValueError, "'success', 'failure', 'overload' or 'cancelled'"),
        ({"outcome": 1}, TypeError, "str"),
        ({"latency": -0.1}, ValueError, "latency: give finite seconds of zero or more"),
        ({"latency": float("inf")}, ValueError, "latency"),
        ({"retry_after": float("nan")}, ValueError, "retry_after"),
        ({"outcome": "failure", "cause": "tcp"}, ValueError, "'application', 'gateway', 'connection' or 'timeout'"),
        ({"cost": -1}, OverflowError, "^cost: give a whole number"),
        ({"cost": "3"}, TypeError, "^cost: give a whole number .*, not str"),
        ({"amounts": 3}, TypeError, "^amounts: give a mapping"),
        ({"amounts": {"input_units": -1}}, OverflowError, r'^amounts\["input_units"\]'),
    ],
)
def test_a_bad_outcome_is_an_error_and_the_lease_stays(
    make: Make, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    lb = make()
    lease = lb.try_acquire("acme")
    with pytest.raises(error, match=words):
        lease.finish(**arguments)
    assert not lease.finished
    lease.finish()


def test_a_block_that_ends_is_a_success(make: Make) -> None:
    lb = make()
    with lb.try_acquire("acme") as lease:
        assert isinstance(lease, tenantry.Lease)
        assert lb.stats().pools[0].in_flight == 1
    assert lease.finished
    assert counts(lb) == (1, 0)


@pytest.mark.parametrize(
    ("exception", "failed"),
    [(ValueError, 1), (TimeoutError, 1), (asyncio.CancelledError, 0), (GeneratorExit, 0), (KeyboardInterrupt, 0), (SystemExit, 0)],
)
def test_an_exception_is_a_failure_and_giving_up_is_not(
    make: Make, exception: type[BaseException], failed: int
) -> None:
    lb = make()
    with pytest.raises(exception), lb.try_acquire("acme") as lease:
        raise exception
    assert lease.finished
    assert counts(lb) == (1, failed)
    if failed:
        latencies = [one.latency for one in lb.stats().pools[0].endpoints if one.address == lease.address]
        assert len(latencies) == 1


def test_what_is_finished_inside_stays_as_it_was(make: Make) -> None:
    lb = make()
    with lb.try_acquire("acme") as lease:
        lease.finish("overload", retry_after=2.0)
    assert counts(lb) == (1, 1)


async def test_a_lease_works_in_async_with(make: Make) -> None:
    lb = make()
    async with lb.try_acquire("acme") as lease:
        assert isinstance(lease, tenantry.Lease)
    with pytest.raises(ValueError, match="broken"):
        async with await lb.acquire("acme"):
            raise ValueError("broken")
    assert counts(lb) == (2, 1)


def test_a_dropped_lease_frees_its_seat_and_teaches_nothing(make: Make) -> None:
    lb = make(config(capacity=1))
    lb.try_acquire("acme")
    with lb.try_acquire("acme"):
        pass
    assert counts(lb) == (2, 0)


def test_leases_in_a_cycle_are_collected(make: Make) -> None:
    lb = make()
    gc.disable()
    try:
        cycle: list[object] = [lb.try_acquire("acme") for _ in range(4)]
        cycle.append(cycle)
        assert lb.stats().pools[0].in_flight == 4
        del cycle
        gc.collect()
    finally:
        gc.enable()
    assert lb.stats().pools[0].in_flight == 0


def test_a_lease_outlives_its_balancer(make: Make) -> None:
    lease = tenantry.Balancer(config()).try_acquire("acme")
    gc.collect()
    assert lease.address in ADDRESSES
    assert lease.finish("failure")


def test_a_lease_of_a_removed_endpoint_stays_valid(make: Make) -> None:
    lb = make()
    lease = lb.try_acquire("acme")
    document = config()
    document["pools"]["api"]["endpoints"] = ["http://10.9.9.9:80"]
    lb.reconfigure(document)
    assert lease.address in ADDRESSES
    assert lb.try_acquire("acme").address == "http://10.9.9.9:80"
    assert lease.finish()


def test_addresses_stay_right_while_endpoints_come_and_go(make: Make) -> None:
    lb = make()
    for turn in range(300):
        document = config()
        document["pools"]["api"]["endpoints"] = [f"http://10.0.{turn}.{place}:80" for place in range(3)]
        lb.reconfigure(document)
        with lb.try_acquire("acme") as lease:
            assert lease.address in document["pools"]["api"]["endpoints"]


def test_the_first_byte_is_told_once_and_ends_nothing(make: Make) -> None:
    lb = make()
    lease = lb.try_acquire("acme")
    assert lease.first_byte() is True
    assert lease.first_byte() is True
    assert not lease.finished
    assert lease.finish() is True
    assert lease.first_byte() is False
    assert counts(lb) == (1, 0)


def test_one_tenant_one_pool_and_pages_of_all() -> None:
    config = {
        "pools": {"api": {"endpoints": ["a"]}},
        "tenants": {f"t{n}": {} for n in range(5)},
    }
    lb = tenantry.Balancer(config)
    with lb.try_acquire("t3"):
        one, pool = lb.tenant_stats("t3"), lb.pool_stats("api")
        assert one is not None and (one.id, one.in_flight, one.beneath) == ("t3", 1, 0)
        assert pool is not None and pool.in_flight == 1
    assert lb.tenant_stats("nobody") is None and lb.pool_stats("none") is None
    ids: list[str] = []
    start: int | None = 0
    while start is not None:
        page = lb.tenant_page(start, 2)
        assert len(page.tenants) <= 2
        ids += [tenant.id for tenant in page.tenants]
        start = page.next
    assert sorted(ids) == [f"t{n}" for n in range(5)]
    with pytest.raises(ValueError, match="start"):
        lb.tenant_page(-1)
    with pytest.raises(ValueError, match="most"):
        lb.tenant_page(0, 10_001)


def test_what_is_left_of_a_budget_and_its_warnings_can_be_read() -> None:
    budget = {"cost": 100, "per": "day", "warn": ["50%"]}
    config = {"pools": {"api": {"endpoints": ["http://10.0.0.1:80"]}}, "tenants": {"acme": {"budget": budget}}}
    lb = tenantry.Balancer(config, clock=tenantry.ManualClock())
    lb.try_acquire("acme", cost=60).finish()
    day = 86_400.0
    assert lb.limits_of("acme") == (tenantry.LimitStatus(None, "cost", True, False, 100, 60, 40, day, day, day),)
    assert lb.limits_of("nobody") is None
    warning = {"event": "budget_warning", "tenant": "acme", "unit": "cost", "percent": 50, "used": 60, "amount": 100, "ends_unix_s": 86_400}
    assert lb.take_events() == [warning]
    assert lb.take_events() == []

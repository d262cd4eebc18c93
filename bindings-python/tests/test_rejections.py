"""Every way of being refused has its class, its code and its fields."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from support import Make, config

import tenantry


def test_an_unknown_tenant_is_refused_for_good(make: Make) -> None:
    with pytest.raises(tenantry.UnknownTenant) as caught:
        make().try_acquire("nobody")
    assert (caught.value.code, caught.value.permanent, caught.value.retry_after) == ("UNKNOWN_TENANT", True, None)
    assert str(caught.value) == "no such tenant"


def test_an_unknown_pool_is_refused_for_good(make: Make) -> None:
    with pytest.raises(tenantry.UnknownPool) as caught:
        make().try_acquire("acme", pool="apl")
    assert (caught.value.code, caught.value.permanent) == ("UNKNOWN_POOL", True)


def test_a_pool_must_be_named_where_there_are_several(make: Make) -> None:
    document = config()
    document["pools"]["other"] = {"endpoints": ["http://10.0.0.9:80"]}
    lb = make(document)
    with pytest.raises(tenantry.UnknownPool):
        lb.try_acquire("acme")
    with lb.try_acquire("acme", pool="other") as lease:
        assert lease.address == "http://10.0.0.9:80"


def test_a_forbidden_pool_is_refused_for_good(make: Make) -> None:
    document = config(pools=["other"])
    document["pools"]["other"] = {"endpoints": ["http://10.0.0.9:80"]}
    with pytest.raises(tenantry.PoolForbidden) as caught:
        make(document).try_acquire("acme", pool="api")
    assert (caught.value.code, caught.value.permanent) == ("POOL_FORBIDDEN", True)


def test_a_spent_rate_says_when_to_return_and_means_it(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(config(rate="10/s"), clock)
    for _ in range(10):
        lb.try_acquire("acme").finish()
    with pytest.raises(tenantry.RateLimited) as caught:
        lb.try_acquire("acme")
    rejected = caught.value
    assert (rejected.code, rejected.permanent, rejected.retry_after_ns, rejected.retry_after) == (
        "RATE_LIMITED",
        False,
        100_000_000,
        0.1,
    )
    assert str(rejected).startswith("the tenant's rate is spent")
    clock.advance(rejected.retry_after_ns - 1)
    with pytest.raises(tenantry.RateLimited):
        lb.try_acquire("acme")
    clock.advance(1)
    lb.try_acquire("acme").finish()


def test_a_request_dearer_than_the_burst_is_refused_for_good(make: Make) -> None:
    lb = make(config(rate={"cost": 100, "per": "1s"}))
    with pytest.raises(tenantry.CostTooHigh) as caught:
        lb.try_acquire("acme", cost=101)
    assert (caught.value.code, caught.value.permanent, caught.value.limit) == ("COST_TOO_HIGH", True, 100)
    assert "100" in str(caught.value)


def test_the_in_flight_cap_is_named(make: Make) -> None:
    lb = make(config(max_in_flight=1))
    with lb.try_acquire("acme"), pytest.raises(tenantry.TooManyInFlight) as caught:
        lb.try_acquire("acme")
    assert (caught.value.code, caught.value.permanent, caught.value.limit) == ("TOO_MANY_IN_FLIGHT", False, 1)


def test_a_full_pool_is_saturated_for_who_does_not_wait(make: Make) -> None:
    lb = make(config(capacity=1))
    with lb.try_acquire("acme"), pytest.raises(tenantry.Saturated) as caught:
        lb.try_acquire("globex")
    assert (caught.value.code, caught.value.permanent) == ("SATURATED", False)


def test_a_full_queue_refuses_who_would_wait(make: Make) -> None:
    document = config(capacity=1)
    document["pools"]["api"]["queue"] = {"per_tenant": 1}
    lb = make(document)
    with lb.try_acquire("acme"):
        waiting = lb.acquire("acme")
        with pytest.raises(tenantry.QueueFull) as caught:
            lb.acquire_blocking("acme")
        assert (caught.value.code, caught.value.permanent) == ("QUEUE_FULL", False)
        assert waiting.cancel()


def test_a_deadline_in_the_queue_is_a_timeout_error_too(make: Make) -> None:
    lb = make(config(capacity=1))
    with lb.try_acquire("acme"), pytest.raises(TimeoutError) as caught:
        lb.acquire_blocking("globex", timeout=0)
    assert isinstance(caught.value, tenantry.TimedOut)
    assert (caught.value.code, caught.value.permanent) == ("TIMED_OUT", False)


def test_a_pool_without_endpoints_has_none_to_give(make: Make) -> None:
    document = config()
    document["pools"]["api"]["endpoints"] = []
    with pytest.raises(tenantry.NoEndpoint) as caught:
        make(document).try_acquire("acme")
    assert (caught.value.code, caught.value.permanent) == ("NO_ENDPOINT", False)


def test_a_wait_beyond_its_timeout_is_foreseen(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(config(capacity=1), clock)
    held = lb.try_acquire("acme")
    waiting = [lb.acquire("globex", timeout=60) for _ in range(20)]
    for _ in range(17):
        clock.advance(1_000_000_000)
        held.finish()
        held = polled(waiting.pop(0))
    with pytest.raises(tenantry.WouldTimeOut) as caught:
        lb.acquire("globex", timeout=1).poll()
    rejected = caught.value
    assert (rejected.code, rejected.permanent) == ("WOULD_TIME_OUT", False)
    assert 1 < rejected.retry_after == rejected.retry_after_ns / 1e9 < 10
    assert "deadline" in str(rejected)
    assert all(one.cancel() for one in waiting)
    held.finish()


def polled(acquire: tenantry.Acquire) -> tenantry.Lease:
    lease = acquire.poll()
    assert lease is not None
    return lease


def test_the_more_urgent_of_one_tenant_goes_first_and_a_wide_one_takes_its_seats(make: Make) -> None:
    lb = make(config(capacity=2))
    held = lb.try_acquire("acme", seats=2)
    with pytest.raises(tenantry.Saturated):
        lb.try_acquire("acme")
    late, early = lb.acquire("acme", priority=5, seats=2), lb.acquire("acme", priority=0, seats=2)
    held.finish()
    assert late.poll() is None
    polled(early).finish()
    polled(late).finish()


def test_a_retry_needs_room_in_its_budget_and_a_hedge_in_its_own(make: Make) -> None:
    none = {"ratio": 0, "per_second": 0}
    document = config()
    document["pools"]["api"] |= {"retry": none | {"per_second": 1, "window": "1s"}, "hedge": none}
    lb = make(document, tenantry.ManualClock())
    lb.try_acquire("acme", attempt="retry").finish()
    with pytest.raises(tenantry.RetryBudgetExhausted) as retry:
        lb.try_acquire("acme", attempt="retry")
    assert (retry.value.retry_after_ns, retry.value.permanent) == (1_031_250_000, False)
    with pytest.raises(tenantry.HedgeBudgetExhausted, match="only further requests make room") as hedge:
        lb.acquire_blocking("acme", attempt="hedge")
    assert (hedge.value.retry_after_ns, hedge.value.retry_after) == (None, None)
    stats = lb.pool_stats("api")
    assert stats is not None
    assert (stats.retries, stats.hedges) == (tenantry.AttemptStats(1, 1), tenantry.AttemptStats(0, 1))


@pytest.mark.parametrize(
    "rejected",
    [tenantry.RateLimited("wait", 5), tenantry.CostTooHigh("dear", 9), tenantry.Saturated("full"), tenantry.TimedOut("late"), tenantry.WouldTimeOut("later", 7), tenantry.RetryBudgetExhausted("spent", 5), tenantry.HedgeBudgetExhausted("spent", None)],
    ids=lambda rejected: rejected.code,
)
def test_a_rejection_crosses_processes(rejected: tenantry.Rejected) -> None:
    copy = pickle.loads(pickle.dumps(rejected))
    assert (type(copy), str(copy), vars(copy)) == (type(rejected), str(rejected), vars(rejected))


def test_every_rejection_has_its_own_class_and_code() -> None:
    classes = [one for one in vars(tenantry).values() if isinstance(one, type) and issubclass(one, tenantry.Rejected) and one is not tenantry.Rejected]
    assert len(classes) == len({one.code for one in classes}) == 16
    assert {one.__module__ for one in classes} == {"tenantry"}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda lb: lb.try_acquire(5), TypeError),
        (lambda lb: lb.try_acquire(), TypeError),
        (lambda lb: lb.try_acquire("acme", "api"), TypeError),
        (lambda lb: lb.try_acquire("acme", key=5), TypeError),
        (lambda lb: lb.try_acquire("acme", cost=-1), OverflowError),
        (lambda lb: lb.check(5), TypeError),
        (lambda lb: lb.check("acme", "api"), TypeError),
        (lambda lb: lb.check("acme", cost="1"), TypeError),
        (lambda lb: lb.check("acme", cost=2**64), OverflowError),
        (lambda lb: lb.try_acquire("acme", cost=2**64), OverflowError),
        (lambda lb: lb.try_acquire("acme", cost=1.5), TypeError),
        (lambda lb: lb.try_acquire("acme\ud800"), UnicodeEncodeError),
        (lambda lb: lb.try_acquire("acme", priority=8), ValueError),
        (lambda lb: lb.acquire("acme", priority=-1), ValueError),
        (lambda lb: lb.try_acquire("acme", priority="high"), TypeError),
        (lambda lb: lb.acquire_blocking("acme", seats=0), ValueError),
        (lambda lb: lb.try_acquire("acme", seats=2**32), ValueError),
        (lambda lb: lb.try_acquire("acme", seats=1.5), TypeError),
        (lambda lb: lb.try_acquire("acme", attempt="second"), ValueError),
        (lambda lb: lb.acquire("acme", attempt=2), TypeError),
        (lambda lb: lb.acquire("acme", timeout=float("nan")), ValueError),
        (lambda lb: lb.acquire("acme", timeout="1"), TypeError),
        (lambda lb: lb.stats(1), TypeError),
    ],
)
def test_wrong_arguments_are_errors_and_consume_nothing(
    make: Make, call: Callable[[Any], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        call(make())


@pytest.mark.parametrize("tenant", ["", "a" * 100_000, "\0", "tenant\nid", "租户", "\U0001f600" * 50], ids=len)
def test_any_text_may_be_asked_for(make: Make, tenant: str) -> None:
    with pytest.raises(tenantry.UnknownTenant):
        make().try_acquire(tenant)
